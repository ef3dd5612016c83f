#include "node/core/sender.h"

#include "contracts/params.h"
#include "ledger/codec/transaction.h"
#include "ledger/engine/next_transaction.h"

namespace assay::node {
namespace {

// A genesis that decodes was checked when the chain was opened.
uint64_t min_fee(const pb::Genesis& genesis) {
    const auto params = contracts::params_from_genesis(genesis.params());
    return params.ok() ? params->min_fee() : 0;
}

}  // namespace

TxSender::TxSender(ledger::Engine& engine, const ledger::PrivateKey& key)
    : engine_(engine), key_(key), address_(key.address()), fee_(min_fee(engine.genesis())) {}

Result<Hash256> TxSender::send(uint32_t type, ByteView payload) {
    const std::lock_guard lock(mutex_);
    const auto body = ledger::next_transaction(engine_, address_, type, payload, fee_);
    ASSAY_ASSIGN(const auto encoded, ledger::sign_transaction(body, key_));
    const auto check = engine_.submit(encoded);
    if (check.code != ledger::TxCode::kOk) {
        return fail(Code::kRejected,
                    std::string(ledger::tx_code_name(check.code)) + ": " + check.log);
    }
    return check.hash;
}

}  // namespace assay::node
