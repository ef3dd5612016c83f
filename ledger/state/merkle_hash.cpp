#include "ledger/state/merkle_hash.h"

#include "ledger/crypto/hash.h"

namespace assay::ledger {

namespace {

Hash256 hash_pair(uint8_t domain, const Hash256& first, const Hash256& second) {
    std::array<uint8_t, 65> input;
    input[0] = domain;
    std::memcpy(input.data() + 1, first.bytes.data(), 32);
    std::memcpy(input.data() + 33, second.bytes.data(), 32);
    return plain_hash(input);
}

}  // namespace

Hash256 plain_hash(ByteView bytes) {
    return sha256(bytes);
}

Hash256 state_leaf_hash(const Hash256& key_hash, const Hash256& value_hash) {
    return hash_pair(0x00, key_hash, value_hash);
}

Hash256 inner_hash(const Hash256& left, const Hash256& right) {
    return hash_pair(0x01, left, right);
}

Hash256 log_leaf_hash(ByteView event) {
    Bytes input{0x00};
    append(input, event);
    return plain_hash(input);
}

}  // namespace assay::ledger
