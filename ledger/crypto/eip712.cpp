#include "ledger/crypto/eip712.h"

#include "ledger/crypto/hash.h"

namespace assay::ledger {

namespace {

Hash256 hash_of_struct(const Hash256& type_hash, const Bytes& slots) {
    Bytes input;
    input.reserve(sizeof(type_hash.bytes) + slots.size());
    append(input, type_hash.view());
    append(input, slots);
    return keccak256(input);
}

// The parts of a digest that are the same for every transaction: half of the hashing.
Hash256 make_domain_separator() {
    Bytes domain;
    append_text_slot(domain, view_of("Assay"));
    append_text_slot(domain, view_of("1"));
    return struct_hash(kDomainType, domain);
}
const Hash256& domain_separator() {
    static const Hash256 kSeparator = make_domain_separator();
    return kSeparator;
}
const Hash256& transaction_type_hash() {
    static const Hash256 kTypeHash = keccak256(view_of(kTransactionType));
    return kTypeHash;
}

}  // namespace

Hash256 typed_data_digest(const Hash256& domain_separator, const Hash256& struct_hash) {
    Bytes input = {0x19, 0x01};
    append(input, domain_separator.view());
    append(input, struct_hash.view());
    return keccak256(input);
}

Hash256 struct_hash(std::string_view type, const Bytes& slots) {
    return hash_of_struct(keccak256(view_of(type)), slots);
}

void append_slot(Bytes& slots, uint64_t value) {
    slots.insert(slots.end(), 24, uint8_t{0});
    append_be64(slots, value);
}

void append_slot(Bytes& slots, const Hash256& value) {
    append(slots, value.view());
}

void append_text_slot(Bytes& slots, ByteView dynamic) {
    append_slot(slots, keccak256(dynamic));
}

Hash256 tx_digest(std::string_view chain_id, uint64_t nonce, uint64_t expiry_height, uint64_t fee,
                  uint32_t type, ByteView payload) {
    Bytes message;
    append_text_slot(message, view_of(chain_id));
    append_slot(message, nonce);
    append_slot(message, expiry_height);
    append_slot(message, fee);
    append_slot(message, uint64_t{type});
    append_text_slot(message, payload);
    return typed_data_digest(domain_separator(), hash_of_struct(transaction_type_hash(), message));
}

}  // namespace assay::ledger
