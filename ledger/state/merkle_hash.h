// The hashes that the state tree and the event log are made of, all SHA-256 with a domain byte:
//   state leaf  H(0x00 || key_hash || value_hash)      log leaf   H(0x00 || event)
//   inner node  H(0x01 || left || right)  (both)       key_hash, value_hash, empty log  H(bytes)
//
// Ownership and threads: pure functions. Errors: none. Source: RFC 6962 section 2.1 (log and inner
// nodes); the state leaf follows the Jellyfish Merkle tree. Format: docs/formats/state.md.
#pragma once

#include "base/bytes.h"

namespace assay::ledger {

// The hash of a subtree without leaves: 32 ASCII characters, so no SHA-256 output is known to equal
// it.
constexpr std::string_view kEmptySubtreeText = "ASSAY:EMPTY-STATE-SUBTREE-NODE-0";
static_assert(kEmptySubtreeText.size() == 32);

constexpr Hash256 empty_subtree() {
    Hash256 hash;
    for (size_t i = 0; i < hash.bytes.size(); ++i)
        hash.bytes[i] = static_cast<uint8_t>(kEmptySubtreeText[i]);
    return hash;
}
inline constexpr Hash256 kEmptySubtree = empty_subtree();

[[nodiscard]] Hash256 plain_hash(ByteView bytes);
[[nodiscard]] Hash256 state_leaf_hash(const Hash256& key_hash, const Hash256& value_hash);
[[nodiscard]] Hash256 inner_hash(const Hash256& left, const Hash256& right);
[[nodiscard]] Hash256 log_leaf_hash(ByteView event);

// Bit `index` of a key hash, counted from the most significant bit of byte 0.
constexpr int key_bit(const Hash256& key_hash, size_t index) {
    return key_hash.bytes[index / 8] >> (7 - index % 8) & 1;
}
// Nibble `index`, counted from the high half of byte 0.
constexpr uint8_t key_nibble(const Hash256& key_hash, size_t index) {
    const uint8_t byte = key_hash.bytes[index / 2];
    return static_cast<uint8_t>(index % 2 == 0 ? byte >> 4 : byte & 15);
}

}  // namespace assay::ledger
