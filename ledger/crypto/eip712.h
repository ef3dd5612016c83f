// The EIP-712 digest that a transaction's signature covers, so that ordinary wallets can show and
// sign it.
//
// Domain: name "Assay", version "1". Chain ids are text here, so the chain stands in the message,
// not in the domain. Pure functions; thread-safe; no errors. The typed-data document for wallets:
// docs/keys.md.
#pragma once

#include <string_view>

#include "base/bytes.h"

namespace assay::ledger {

inline constexpr std::string_view kDomainType = "EIP712Domain(string name,string version)";
inline constexpr std::string_view kTransactionType =
    "Transaction(string chainId,uint64 nonce,uint64 expiryHeight,uint64 fee,uint32 type,bytes "
    "payload)";

// keccak256(0x1901 || domain separator || struct hash)
[[nodiscard]] Hash256 typed_data_digest(const Hash256& domain_separator,
                                        const Hash256& struct_hash);
// The 32-byte slots of encodeData, hashed with the type's hash before them.
[[nodiscard]] Hash256 struct_hash(std::string_view type, const Bytes& slots);
void append_slot(Bytes& slots, uint64_t value);
void append_slot(Bytes& slots, const Hash256& value);
void append_text_slot(Bytes& slots, ByteView dynamic);  // string or bytes: keccak256 of it

[[nodiscard]] Hash256 tx_digest(std::string_view chain_id, uint64_t nonce, uint64_t expiry_height,
                                uint64_t fee, uint32_t type, ByteView payload);

}  // namespace assay::ledger
