#include "ledger/engine/next_transaction.h"

namespace assay::ledger {

pb::TxBody next_transaction(const Engine& engine, const Address& sender, uint32_t type,
                            ByteView payload, uint64_t fee) {
    pb::TxBody body;
    body.set_chain_id(engine.genesis().chain_id());
    body.set_nonce(engine.next_nonce(sender));
    body.set_expiry_height(engine.height() + kExpiryBlocks);
    body.set_fee(fee);
    body.set_type(type);
    body.set_payload(payload.data(), payload.size());
    return body;
}

}  // namespace assay::ledger
