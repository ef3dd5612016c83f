#include "ledger/crypto/eip712.h"

#include "ledger/crypto/hash.h"

namespace assay::ledger {

Hash256 typed_data_digest(const Hash256& domain_separator, const Hash256& struct_hash) {
    Bytes input = {0x19, 0x01};
    append(input, domain_separator.view());
    append(input, struct_hash.view());
    return keccak256(input);
}

Hash256 struct_hash(std::string_view type, const Bytes& slots) {
    const auto type_hash = keccak256(view_of(type));
    Bytes input;
    append(input, type_hash.view());
    append(input, slots);
    return keccak256(input);
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
    Bytes domain;
    append_text_slot(domain, view_of("Assay"));
    append_text_slot(domain, view_of("1"));
    Bytes message;
    append_text_slot(message, view_of(chain_id));
    append_slot(message, nonce);
    append_slot(message, expiry_height);
    append_slot(message, fee);
    append_slot(message, uint64_t{type});
    append_text_slot(message, payload);
    return typed_data_digest(struct_hash(kDomainType, domain),
                             struct_hash(kTransactionType, message));
}

}  // namespace assay::ledger
