// A snapshot of the state in parts: a manifest whose hashes lead to the app hash, and chunks that
// each prove themselves against the manifest, so that a bad one is known at once and asked for
// elsewhere.
//
// A chunk is the subtree of all keys whose hash begins with the same nibbles. The manifest is the
// tree above the chunks: a part that would be too large is split into its sixteen children, and
// only that part, so that keys ground to fall together make one branch deeper and nothing else. The
// event log is not in it, only the right edge that later events are appended to.
// Ownership: plain values. Threads: pure functions. Errors: kCorrupt for bytes that lead to another
// root than they should. Format: docs/formats/snapshot.md.
#pragma once

#include <utility>
#include <vector>

#include "ledger/state/app_hash.h"
#include "ledger/state/event_log.h"
#include "ledger/state/tree.h"

namespace assay::ledger {

inline constexpr uint32_t kSnapshotFormat = 2;
inline constexpr uint8_t kMaxSnapshotDepth = 16;  // nibbles of a chunk's path
inline constexpr size_t kMaxSnapshotChunks = 131'072;
inline constexpr size_t kMaxManifestBytes = 3'900'000;     // an engine's message of 4 MB
inline constexpr size_t kSnapshotChunkBytes = 10'000'000;  // chunks are split above this

struct SnapshotManifest {
    AppHashParts parts;
    LogEdge log_edge;
    // By path, and every key hash belongs to exactly one; the versions of inner ones say nothing.
    std::vector<Subtree> chunks;
};

[[nodiscard]] Bytes encode_manifest(const SnapshotManifest& manifest);
// Its hashes lead to the roots it states; whether those are the chain's, the app hash tells.
[[nodiscard]] Result<SnapshotManifest> decode_manifest(ByteView bytes);

// Of the chunk that a key hash belongs to.
[[nodiscard]] size_t chunk_index(const std::vector<Subtree>& chunks, const Hash256& key_hash);

using StatePair = std::pair<Bytes, Bytes>;  // key, value
// Ascending by the hash of the key.
[[nodiscard]] Bytes encode_chunk(const std::vector<StatePair>& pairs);

struct SnapshotChunk {
    std::vector<StatePair> pairs;
    Slot subtree;  // of `version`
    WrittenNodes nodes;
};
// Checked against the manifest, and made into nodes of block `version`.
[[nodiscard]] Result<SnapshotChunk> decode_chunk(const SnapshotManifest& manifest, size_t index,
                                                 ByteView bytes, uint64_t version);

}  // namespace assay::ledger
