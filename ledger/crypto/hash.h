// Hashes and key derivation, over Crypto++.
//
// Pure functions; thread-safe; no errors. Hashes with a meaning of their own go through
// tagged_hash, so that the bytes of one kind of object can never be taken for another's.
#pragma once

#include <array>
#include <string_view>

#include "base/bytes.h"

namespace assay::ledger {

[[nodiscard]] Hash256 sha256(ByteView data);
[[nodiscard]] Hash256 keccak256(ByteView data);
[[nodiscard]] std::array<uint8_t, 20> ripemd160(ByteView data);
[[nodiscard]] std::array<uint8_t, 64> hmac_sha512(ByteView key, ByteView data);
// PBKDF2-HMAC-SHA512, 64 bytes.
[[nodiscard]] std::array<uint8_t, 64> pbkdf2_sha512(ByteView password, ByteView salt,
                                                    uint32_t rounds);

// SHA-256 over be64(tag size), tag, then each part with its size before it.
[[nodiscard]] Hash256 tagged_hash(std::string_view tag, std::initializer_list<ByteView> parts);
[[nodiscard]] inline Hash256 tagged_hash(std::string_view tag, ByteView part) {
    return tagged_hash(tag, {part});
}

// Same length and bytes; takes the same time wherever they differ.
[[nodiscard]] bool equal_constant_time(ByteView a, ByteView b);

}  // namespace assay::ledger
