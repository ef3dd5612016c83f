// Limits of the peer service (docs/limits.md).
#pragma once

#include <cstdint>

namespace assay::node {

inline constexpr int kMaxPeerMessageBytes = 4 << 20;  // a block or a chunk with room to spare
inline constexpr uint64_t kMaxPeerManifestBytes = kMaxPeerMessageBytes - 1024;
inline constexpr uint32_t kMaxChunksPerRequest = 256;
inline constexpr uint32_t kChunksPerFetch = 32;  // asked for at a time: 32 MiB per deadline
inline constexpr uint32_t kMaxBlocksPerPeerStream = 10'000'000;
inline constexpr uint32_t kMaxStreamsPerServer = 256;
inline constexpr uint32_t kMaxStreamsPerPeer = 32;   // of one ledger address
inline constexpr int kMaxStreamsPerConnection = 64;  // calls of any kind
inline constexpr int kMaxPeerServerThreads = 320;    // one for each call under way
inline constexpr uint64_t kMaxPeerServerBytes = uint64_t{512} << 20;
inline constexpr uint64_t kMaxRelayLogBytes = 1024;
inline constexpr uint64_t kPeerCallTimeoutMs = 15'000;
// A source that does not send the manifest within it is passed over, and not asked again for
// kSilentPeerMs; a millisecond more for each 4 MiB of the artifact, whose manifest is larger.
inline constexpr uint64_t kManifestProbeMs = 3'000;
inline constexpr uint64_t kSilentPeerMs = 30'000;
inline constexpr uint64_t kChunkStreamTimeoutMs = 120'000;
// A block stream on which nothing came for so long is given up: other peers may know more.
inline constexpr uint64_t kBlockStreamIdleMs = 60'000;
// An offer is answered once its caller was asked for the manifest.
inline constexpr uint64_t kOfferProbeMs = 5'000;
inline constexpr uint64_t kOfferTimeoutMs = 8'000;
inline constexpr uint32_t kMaxOffersAtOnce = 16;        // calls under way, of a server
inline constexpr uint32_t kMaxOffersAtOncePerHost = 2;  // a key costs nothing, an address does
// Remembered: of a host its newest, in all those of the hosts with fewer.
inline constexpr uint32_t kMaxOffers = 1'024;
inline constexpr uint32_t kMaxOffersPerHost = 32;
inline constexpr uint32_t kMaxOffersPerArtifact = 4;
inline constexpr int kKeepaliveMs = 20'000;
inline constexpr int kKeepaliveTimeoutMs = 10'000;
inline constexpr int kLeastPingIntervalMs = 10'000;  // of a client that the server tolerates
// A peer that sent wrong bytes is not asked again for so long.
inline constexpr uint64_t kBadPeerMs = 600'000;
// Token bucket per peer address: sustained requests a second, and the burst.
inline constexpr double kPeerRequestsPerSecond = 200;
inline constexpr double kPeerRequestBurst = 1000;

}  // namespace assay::node
