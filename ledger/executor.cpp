#include "ledger/executor.h"

#include <algorithm>

#include "ledger/read_cache.h"

namespace assay::ledger {
namespace {

Error broken_law(const std::string& where, const std::string& law) {
    return fail(Code::kInternal,
                where + ": broken invariant: " + law + "; nothing of this block was stored");
}

std::string at_height(const BlockInfo& block) {
    return "height " + std::to_string(block.height);
}

void append_events(uint64_t height, Events& pending, std::vector<pb::Event>& out) {
    for (PendingEvent& event : pending) {
        pb::Event& stored = out.emplace_back();
        stored.set_height(height);
        stored.set_index(static_cast<uint32_t>(out.size() - 1));
        stored.set_type(std::move(event.type));
        for (auto& [key, value] : event.attributes) {
            pb::Attribute* attribute = stored.add_attributes();
            attribute->set_key(std::move(key));
            attribute->set_value(std::move(value));
        }
    }
    pending.clear();
}

// Both ascending by key.
std::vector<ValidatorPower> difference(const std::vector<ValidatorPower>& before,
                                       const std::vector<ValidatorPower>& after) {
    std::vector<ValidatorPower> updates;
    auto old = before.begin();
    for (const ValidatorPower& now : after) {
        for (; old != before.end() && old->consensus_key < now.consensus_key; ++old)
            updates.push_back({old->consensus_key, 0});
        const bool known = old != before.end() && old->consensus_key == now.consensus_key;
        if (!known || old->power != now.power) updates.push_back(now);
        if (known) ++old;
    }
    for (; old != before.end(); ++old) updates.push_back({old->consensus_key, 0});
    return updates;
}

}  // namespace

TxCode check_expiry(const pb::TxBody& body, uint64_t height) {
    return body.expiry_height() < height ? TxCode::kExpired : TxCode::kOk;
}

Result<State::Changes> Executor::run_genesis(const pb::Genesis& genesis,
                                             const ReadView& empty) const {
    State state(empty);
    ASSAY_RETURN_IF_ERROR(rules_.init_genesis(genesis, state));
    if (const auto law = rules_.broken_global_invariant(state)) return broken_law("genesis", *law);
    return std::move(state).changes();
}

Result<pb::TxResult> Executor::run_transaction(const BlockInfo& block, const DecodedTx& decoded,
                                               State& block_state, Events& events,
                                               std::string& why) const {
    const CheckedTx& tx = decoded.tx;
    pb::TxResult result;
    const auto refused = [&](TxCode code) {
        result.set_code(static_cast<uint32_t>(code));
        return result;
    };
    if (decoded.code != TxCode::kOk) return refused(decoded.code);
    if (const TxCode code = check_expiry(tx.body, block.height); code != TxCode::kOk)
        return refused(code);
    if (const TxCode code = rules_.preflight(tx, block.app_version, why); code != TxCode::kOk)
        return refused(code);
    if (const TxCode code = rules_.preclaim(tx, block_state); code != TxCode::kOk)
        return refused(code);

    State own(block_state);
    const TxOutcome outcome = rules_.apply(tx, block, own, events);
    result.set_code(static_cast<uint32_t>(outcome.code));
    if (!is_included(outcome.code)) {
        events.clear();
        return result;
    }
    result.set_fee_charged(outcome.fee_charged);
    if (const auto law = rules_.broken_invariant(own))
        return broken_law(at_height(block) + ", transaction " + to_hex(tx.hash), *law);
    block_state.merge(std::move(own).changes());
    return result;
}

std::vector<Bytes> Executor::likely_reads(const std::vector<DecodedTx>& transactions) const {
    std::vector<Bytes> keys;
    for (const DecodedTx& decoded : transactions) {
        if (decoded.code != TxCode::kOk) continue;
        for (Bytes& key : rules_.likely_reads(decoded.tx)) keys.push_back(std::move(key));
    }
    std::sort(keys.begin(), keys.end());
    keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
    return keys;
}

Result<ExecutedBlock> Executor::run_block(const BlockInfo& block,
                                          const std::vector<DecodedTx>& transactions,
                                          const ReadView& before) const {
    ExecutedBlock executed;
    ReadCache cached_before(before);
    cached_before.fetch(likely_reads(transactions), pool_);
    State block_state(cached_before);
    Events events;
    executed.results.reserve(transactions.size());
    bool all_included = true;
    for (const DecodedTx& decoded : transactions) {
        std::string why;
        ASSAY_ASSIGN(pb::TxResult result,
                     run_transaction(block, decoded, block_state, events, why));
        if (all_included) executed.refusal = std::move(why);
        all_included = all_included && is_included(static_cast<TxCode>(result.code()));
        executed.results.push_back(std::move(result));
        append_events(block.height, events, executed.events);
    }

    State end_state(block_state);
    rules_.end_block(block, end_state, events);
    if (const auto law = rules_.broken_invariant(end_state))
        return broken_law(at_height(block) + ", end of block", *law);
    block_state.merge(std::move(end_state).changes());
    append_events(block.height, events, executed.events);

    if (const auto law = rules_.broken_invariant(block_state))
        return broken_law(at_height(block) + ", whole block", *law);
    executed.validator_updates =
        difference(rules_.validators(cached_before), rules_.validators(block_state));
    executed.changes = std::move(block_state).changes();
    return executed;
}

}  // namespace assay::ledger
