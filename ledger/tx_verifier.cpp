#include "ledger/tx_verifier.h"

namespace assay::ledger {

std::optional<Address> SenderCache::find(const Hash256& hash) {
    const std::lock_guard lock(mutex_);
    if (const auto it = young_.find(hash); it != young_.end()) return it->second;
    const auto it = old_.find(hash);
    if (it == old_.end()) return std::nullopt;
    const Address sender = it->second;
    insert_locked(hash, sender);
    return sender;
}

void SenderCache::insert(const Hash256& hash, const Address& sender) {
    const std::lock_guard lock(mutex_);
    insert_locked(hash, sender);
}

void SenderCache::insert_locked(const Hash256& hash, const Address& sender) {
    if (young_.size() >= generation_size_) {
        old_ = std::move(young_);
        young_.clear();
    }
    young_[hash] = sender;
}

DecodedTx TxVerifier::verify(ByteView raw, std::string_view chain_id) {
    DecodedTx decoded = decode_transaction(raw, chain_id);
    if (decoded.code != TxCode::kOk) return decoded;
    std::optional<Address> sender = cache_.find(decoded.tx.hash);
    if (!sender) {
        sender = recover_sender(decoded);
        if (!sender) {
            decoded.code = TxCode::kMalformedSignature;
            decoded.log = "signature: no key made it over this body (r, s low, recovery id 0 or 1)";
            return decoded;
        }
        cache_.insert(decoded.tx.hash, *sender);
    }
    decoded.tx.sender = *sender;
    return decoded;
}

std::vector<DecodedTx> TxVerifier::verify_all(const std::vector<Bytes>& raw,
                                              std::string_view chain_id) {
    std::vector<DecodedTx> out(raw.size());
    pool_.for_each(raw.size(), [&](size_t i) { out[i] = verify(raw[i], chain_id); });
    return out;
}

}  // namespace assay::ledger
