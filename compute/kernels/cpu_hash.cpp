// Leaf hashes of a message that lies in pieces, a few chunks a thread at a time.

#include "compute/hash/leaves.h"
#include "compute/kernels/cpu_backend.h"

namespace assay::compute {

void CpuBackend::chunk_leaves(const std::vector<MemoryPiece>& pieces, size_t chunk_bytes,
                              Hash256* leaves) {
    std::vector<ByteView> views;
    size_t bytes = 0;
    for (const MemoryPiece& piece : pieces) {
        views.emplace_back(static_cast<const uint8_t*>(piece.data), piece.bytes);
        bytes += piece.bytes;
    }
    const size_t chunks = (bytes + chunk_bytes - 1) / chunk_bytes;
    const auto grain =
        static_cast<int64_t>(leaves_at_once(chunks, static_cast<size_t>(pool_.threads())));
    pool_.run_shared(static_cast<int64_t>(chunks), grain, [&](int, int64_t first, int64_t stop) {
        leaf_hashes(views, chunk_bytes, static_cast<size_t>(first), static_cast<size_t>(stop),
                    leaves);
    });
}

}  // namespace assay::compute
