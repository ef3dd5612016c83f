// Leaf hashes of a message that lies in pieces, a chunk a thread at a time.
#include <algorithm>

#include "compute/hash/sha256.h"
#include "compute/kernels/cpu_backend.h"

namespace assay::compute {
namespace {

// SHA-256(0x00, bytes [begin, begin + size) of the joined pieces).
Hash256 leaf_of(const std::vector<MemoryPiece>& pieces, size_t begin, size_t size) {
    constexpr uint8_t kLeaf = 0;
    Sha256 hash;
    hash.update({&kLeaf, 1});
    for (const MemoryPiece& piece : pieces) {
        if (begin >= piece.bytes) {
            begin -= piece.bytes;
            continue;
        }
        const size_t part = std::min(size, piece.bytes - begin);
        hash.update({static_cast<const uint8_t*>(piece.data) + begin, part});
        size -= part;
        begin = 0;
        if (size == 0) break;
    }
    return hash.finish();
}

}  // namespace

void CpuBackend::chunk_leaves(const std::vector<MemoryPiece>& pieces, size_t chunk_bytes,
                              Hash256* leaves) {
    size_t bytes = 0;
    for (const MemoryPiece& piece : pieces) bytes += piece.bytes;
    const size_t chunks = (bytes + chunk_bytes - 1) / chunk_bytes;
    pool_.run_shared(static_cast<int64_t>(chunks), 1, [&](int, int64_t first, int64_t stop) {
        for (auto i = static_cast<size_t>(first); i < static_cast<size_t>(stop); ++i)
            leaves[i] =
                leaf_of(pieces, i * chunk_bytes, std::min(chunk_bytes, bytes - i * chunk_bytes));
    });
}

}  // namespace assay::compute
