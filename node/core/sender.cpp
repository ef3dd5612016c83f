#include "node/core/sender.h"

#include "contracts/params.h"
#include "ledger/codec/transaction.h"

namespace assay::node {
namespace {

// Long enough to pass a busy mempool, short enough that a lost transaction's nonce is soon free
// again.
constexpr uint64_t kExpiryBlocks = 200;

// A genesis that decodes was checked when the chain was opened.
uint64_t min_fee(const pb::Genesis& genesis) {
    const auto params = contracts::params_from_genesis(genesis.params());
    return params.ok() ? params->min_fee() : 0;
}

}  // namespace

TxSender::TxSender(ledger::Engine& engine, const ledger::PrivateKey& key)
    : engine_(engine), key_(key), address_(key.address()), fee_(min_fee(engine.genesis())) {}

Result<Hash256> TxSender::send(uint32_t type, Bytes payload) {
    const std::lock_guard lock(mutex_);
    pb::TxBody body;
    body.set_chain_id(engine_.genesis().chain_id());
    body.set_nonce(engine_.next_nonce(address_));
    body.set_expiry_height(engine_.height() + kExpiryBlocks);
    body.set_fee(fee_);
    body.set_type(type);
    body.set_payload(payload.data(), payload.size());
    ASSAY_ASSIGN(const auto encoded, ledger::sign_transaction(body, key_));
    const auto check = engine_.submit(encoded);
    if (check.code != ledger::TxCode::kOk) {
        return fail(Code::kRejected,
                    std::string(ledger::tx_code_name(check.code)) + ": " + check.log);
    }
    return check.hash;
}

}  // namespace assay::node
