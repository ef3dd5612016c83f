// An artifact: bytes named by a Merkle root over their 1 MiB chunks (docs/formats.md).
//
// Leaf i = SHA-256(0x00, chunk i); inner = SHA-256(0x01, left, right), RFC 6962 shape. The root
// binds the size: root = SHA-256("assay/artifact", be64 size, tree head). Plain functions;
// thread-safe.
#pragma once

#include <filesystem>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace assay::compute {

inline constexpr uint64_t kChunkBytes = 1 << 20;
inline constexpr uint64_t kMaxArtifactBytes = uint64_t{1} << 40;

struct Manifest {
    uint64_t size = 0;
    std::vector<Hash256> chunks;  // leaf hashes, in order
    Hash256 root() const;
    static uint64_t chunk_count(uint64_t size) { return (size + kChunkBytes - 1) / kChunkBytes; }
};

Hash256 chunk_hash(ByteView chunk);
// Chunks are hashed by all threads of the machine.
Manifest manifest_of(ByteView bytes);
Result<Manifest> manifest_of_file(const std::filesystem::path& file);
Bytes encode(const Manifest& manifest);
Result<Manifest> decode_manifest(ByteView bytes);

}  // namespace assay::compute
