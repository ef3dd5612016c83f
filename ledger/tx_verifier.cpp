#include "ledger/tx_verifier.h"

namespace assay::ledger {

std::optional<RememberedTx> TxCache::find(const Hash256& hash) {
    const std::lock_guard lock(mutex_);
    if (const auto it = young_.find(hash); it != young_.end()) return it->second;
    const auto it = old_.find(hash);
    if (it == old_.end()) return std::nullopt;
    RememberedTx remembered = it->second;
    insert_locked(hash, remembered);
    return remembered;
}

void TxCache::insert(const Hash256& hash, RememberedTx remembered) {
    const std::lock_guard lock(mutex_);
    insert_locked(hash, std::move(remembered));
}

void TxCache::insert_locked(const Hash256& hash, RememberedTx remembered) {
    if (young_.size() >= generation_size_) {
        old_ = std::move(young_);
        young_.clear();
    }
    young_[hash] = std::move(remembered);
}

DecodedTx TxVerifier::verify(ByteView raw, std::string_view chain_id) {
    const Hash256 hash = tx_hash(raw);
    const std::optional<RememberedTx> known = cache_.find(hash);
    if (known && known->decoded && known->decoded->tx.body.chain_id() == chain_id)
        return *known->decoded;
    DecodedTx decoded = decode_transaction(raw, hash, chain_id);
    if (decoded.code != TxCode::kOk) return decoded;
    const std::optional<Address> sender = known ? known->sender : recover_sender(decoded);
    if (!sender) {
        decoded.code = TxCode::kMalformedSignature;
        decoded.log = "signature: no key made it over this body (r, s low, recovery id 0 or 1)";
        return decoded;
    }
    decoded.tx.sender = *sender;
    if (known) return decoded;
    const bool is_short = raw.size() <= kMaxRememberedTxBytes;
    cache_.insert(hash, {*sender, is_short ? std::make_shared<const DecodedTx>(decoded) : nullptr});
    return decoded;
}

std::vector<DecodedTx> TxVerifier::verify_all(const std::vector<Bytes>& raw,
                                              std::string_view chain_id) {
    std::vector<DecodedTx> out(raw.size());
    pool_.for_each(raw.size(), [&](size_t i) { out[i] = verify(raw[i], chain_id); });
    return out;
}

}  // namespace assay::ledger
