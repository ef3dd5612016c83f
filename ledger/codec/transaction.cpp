#include "ledger/codec/transaction.h"

#include <algorithm>

#include "ledger/codec/canonical.h"
#include "ledger/crypto/eip712.h"
#include "ledger/crypto/hash.h"
#include "ledger/crypto/keys.h"

namespace assay::ledger {
namespace {

Hash256 digest_of(const pb::TxBody& body) {
    return tx_digest(body.chain_id(), body.nonce(), body.expiry_height(), body.fee(), body.type(),
                     view_of(body.payload()));
}

DecodedTx refuse(DecodedTx decoded, TxCode code, std::string log) {
    decoded.code = code;
    decoded.log = std::move(log);
    return decoded;
}

}  // namespace

bool is_valid_chain_id(std::string_view chain_id) {
    if (chain_id.empty() || chain_id.size() > kMaxChainIdBytes) return false;
    return std::all_of(chain_id.begin(), chain_id.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    });
}

Hash256 tx_hash(ByteView raw) {
    return sha256(raw);
}

Result<Bytes> sign_transaction(const pb::TxBody& body, const PrivateKey& key) {
    if (!is_valid_chain_id(body.chain_id())) {
        return fail(Code::kInvalidArgument,
                    "transaction.chain_id: use 1-48 characters of a-z, 0-9 and '-'");
    }
    const auto signature = sign_recoverable(digest_of(body), key);
    pb::Transaction tx;
    *tx.mutable_body() = body;
    tx.set_signature(signature.data(), signature.size());
    Bytes raw = encode_message(tx);
    if (raw.size() > kMaxTxBytes) {
        return fail(Code::kLimit, "transaction: " + std::to_string(raw.size()) +
                                      " bytes exceed the limit of " + std::to_string(kMaxTxBytes) +
                                      "; put large data into the blob store");
    }
    return raw;
}

DecodedTx decode_transaction(ByteView raw, std::string_view chain_id) {
    return decode_transaction(raw, tx_hash(raw), chain_id);
}

DecodedTx decode_transaction(ByteView raw, const Hash256& hash, std::string_view chain_id) {
    DecodedTx decoded;
    decoded.tx.hash = hash;
    if (raw.size() > kMaxTxBytes) {
        return refuse(std::move(decoded), TxCode::kTooLarge,
                      "transaction: " + std::to_string(raw.size()) + " bytes exceed the limit of " +
                          std::to_string(kMaxTxBytes));
    }
    auto tx = decode_canonical<pb::Transaction>(raw, kMaxTxBytes, "transaction");
    if (!tx) return refuse(std::move(decoded), TxCode::kMalformedEncoding, tx.error().message);
    if (!tx->has_body())
        return refuse(std::move(decoded), TxCode::kMalformedEncoding, "body: missing");
    decoded.tx.body.Swap(tx->mutable_body());
    if (decoded.tx.body.chain_id() != chain_id) {
        return refuse(std::move(decoded), TxCode::kWrongChain,
                      "body.chain_id: this chain is '" + std::string(chain_id) + "'");
    }
    if (tx->signature().size() != kSignatureBytes) {
        return refuse(
            std::move(decoded), TxCode::kMalformedSignature,
            "signature: " + std::to_string(tx->signature().size()) + " bytes, must be 65");
    }
    decoded.signature = bytes_of(tx->signature());
    return decoded;
}

std::optional<Address> recover_sender(const DecodedTx& decoded) {
    return recover(digest_of(decoded.tx.body), decoded.signature);
}

DecodedTx check_transaction(ByteView raw, std::string_view chain_id) {
    DecodedTx decoded = decode_transaction(raw, chain_id);
    if (decoded.code != TxCode::kOk) return decoded;
    const auto sender = recover_sender(decoded);
    if (!sender) {
        return refuse(std::move(decoded), TxCode::kMalformedSignature,
                      "signature: no key made it over this body (r, s low, recovery id 0 or 1)");
    }
    decoded.tx.sender = *sender;
    return decoded;
}

}  // namespace assay::ledger
