// Transactions on the wire: signing, strict decoding and the sender's recovery
// (docs/formats/ledger.md).
//
// The hash of a transaction is the SHA-256 of its raw bytes; only one encoding and, because s must
// be low, only one signature of a body by a key's holder is accepted for given r. Ownership:
// results own their bytes. Threads: pure functions. Errors: signing reports an over-long body;
// decoding never fails hard but returns a TxCode of the malformed family and a log line that names
// the field.
#pragma once

#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "ledger/codec/checked_tx.h"
#include "ledger/codec/tx_code.h"

namespace assay::ledger {

class PrivateKey;

inline constexpr size_t kMaxTxBytes = 64 * 1024;
inline constexpr size_t kMaxChainIdBytes = 48;
inline constexpr size_t kSignatureBytes = 65;

// 1..kMaxChainIdBytes of a-z, 0-9 and '-'.
[[nodiscard]] bool is_valid_chain_id(std::string_view chain_id);

[[nodiscard]] Hash256 tx_hash(ByteView raw);
[[nodiscard]] Result<Bytes> sign_transaction(const pb::TxBody& body, const PrivateKey& key);

struct DecodedTx {
    TxCode code = TxCode::kOk;
    std::string log;  // why, when code is not kOk
    CheckedTx tx;     // sender is zero until recovered
    Bytes signature;
};

// Size, canonical encoding, chain id, signature length. Does not look at the signature's value.
[[nodiscard]] DecodedTx decode_transaction(ByteView raw, std::string_view chain_id);
// For a caller that has hashed `raw` already: `hash` must be tx_hash(raw).
[[nodiscard]] DecodedTx decode_transaction(ByteView raw, const Hash256& hash,
                                           std::string_view chain_id);
// The costly part: the address whose key signed the body, or nullopt.
[[nodiscard]] std::optional<Address> recover_sender(const DecodedTx& decoded);
// Both: on kOk, tx.sender is set.
[[nodiscard]] DecodedTx check_transaction(ByteView raw, std::string_view chain_id);

}  // namespace assay::ledger
