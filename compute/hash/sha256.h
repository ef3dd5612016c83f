// SHA-256 (FIPS 180-4) and the Merkle tree head of RFC 6962, for bytes that leave compute.
//
// Uses the SHA instructions where the machine has them, else plain C++; equal results, by test.
// Ownership: Sha256 copies nothing but its block buffer. Threads: one Sha256 per thread; the free
// functions are thread-safe. Errors: none.
#pragma once

#include <span>

#include "base/bytes.h"

namespace assay::compute {

enum class Sha256Path : uint8_t { kBest, kPortable };

class Sha256 {
public:
    explicit Sha256(Sha256Path path = Sha256Path::kBest);
    Sha256& update(ByteView bytes);
    // Ends the message; the object may then only be destroyed or assigned.
    Hash256 finish();

private:
    using Compress = void (*)(uint32_t* state, const uint8_t* blocks, size_t count);
    Compress compress_;
    uint32_t state_[8];
    uint8_t buffer_[64] = {};
    uint64_t length_ = 0;  // bytes so far
};

Hash256 sha256(ByteView bytes);
// Whether kBest uses the machine's SHA instructions.
bool has_sha_instructions();

// RFC 6962 section 2.1: leaf = SHA-256(0x00, data), inner = SHA-256(0x01, left, right); the head of
// n leaves splits at the largest power of two below n, and is SHA-256("") for none.
Hash256 merkle_leaf(ByteView data);
Hash256 merkle_node(const Hash256& left, const Hash256& right);
Hash256 merkle_head(std::span<const Hash256> leaves);

}  // namespace assay::compute
