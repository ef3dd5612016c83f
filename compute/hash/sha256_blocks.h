// The block functions and constants of SHA-256, internal to hash/ and cuda/. Threads: pure. Errors:
// none.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace assay::compute {

extern const uint32_t kSha256Rounds[64];
extern const uint32_t kSha256Initial[8];
void sha256_blocks_portable(uint32_t* state, const uint8_t* blocks, size_t count);
// Null where the build or the machine has no SHA instructions.
using Sha256Blocks = void (*)(uint32_t* state, const uint8_t* blocks, size_t count);
Sha256Blocks sha256_blocks_native();

// The end of a message of `bytes`: mark and length after the `held` (below 64) bytes in `tail`,
// which has room for 128. Returns its blocks.
size_t sha256_pad(uint8_t* tail, size_t held, uint64_t bytes);
Hash256 sha256_digest(const uint32_t* state);

// Several messages in step: `count` blocks from each of `width` places.
inline constexpr size_t kMaxSha256Lanes = 16;
struct Sha256Lanes {
    size_t width;
    void (*compress)(uint32_t (*states)[8], const uint8_t* const* blocks, size_t count);
};
// Two messages with the SHA instructions, sixteen with AVX-512; no compress where they are missing.
Sha256Lanes sha256_lanes_pair();
Sha256Lanes sha256_lanes_sixteen();

}  // namespace assay::compute
