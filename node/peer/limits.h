// Limits of the peer service (docs/limits.md).
#pragma once

#include <cstdint>

namespace assay::node {

inline constexpr int kMaxPeerMessageBytes = 4 << 20;  // a block or a chunk with room to spare
inline constexpr uint32_t kMaxChunksPerRequest = 256;
inline constexpr uint32_t kMaxBlocksPerPeerStream = 10'000'000;
inline constexpr uint32_t kMaxStreamsPerServer = 256;
inline constexpr uint64_t kPeerCallTimeoutMs = 15'000;
inline constexpr uint64_t kChunkStreamTimeoutMs = 120'000;
// Token bucket per peer address: sustained requests a second, and the burst.
inline constexpr double kPeerRequestsPerSecond = 200;
inline constexpr double kPeerRequestBurst = 1000;

}  // namespace assay::node
