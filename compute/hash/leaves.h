// Leaf hashes (RFC 6962) of the chunks of a message that lies in pieces, several chunks in step
// where the machine is faster that way. The one way to the chunk hashes of states and artifacts.
//
// Ownership: copies nothing but a block a chunk. Threads: pure; callers split the chunks. Errors:
// none.
#pragma once

#include <span>

#include "base/bytes.h"

namespace assay::compute {

// leaves[i] = merkle_leaf(bytes [i * chunk_bytes, (i + 1) * chunk_bytes) of the joined pieces) for
// i in [first, stop); the last chunk is what remains.
void leaf_hashes(std::span<const ByteView> pieces, size_t chunk_bytes, size_t first, size_t stop,
                 Hash256* leaves);

// Chunks that each of `threads` should take at a time of `count`.
size_t leaves_at_once(size_t count, size_t threads);

// The same with messages in step of a given number, for tests: 1, 2 or 16. False where the machine
// cannot.
bool leaf_hashes_in_step(size_t width, std::span<const ByteView> pieces, size_t chunk_bytes,
                         size_t first, size_t stop, Hash256* leaves);

}  // namespace assay::compute
