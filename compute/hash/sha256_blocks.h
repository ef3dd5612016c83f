// The block functions and constants of SHA-256, internal to hash/ and cuda/. Threads: pure. Errors:
// none.
#pragma once

#include <cstddef>
#include <cstdint>

namespace assay::compute {

extern const uint32_t kSha256Rounds[64];
extern const uint32_t kSha256Initial[8];
void sha256_blocks_portable(uint32_t* state, const uint8_t* blocks, size_t count);
// Null where the build or the machine has no SHA instructions.
using Sha256Blocks = void (*)(uint32_t* state, const uint8_t* blocks, size_t count);
Sha256Blocks sha256_blocks_native();

}  // namespace assay::compute
