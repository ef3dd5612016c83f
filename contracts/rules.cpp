#include "contracts/rules.h"

#include "contracts/assignment.h"
#include "contracts/bank.h"
#include "contracts/deadlines.h"
#include "contracts/dispatch.h"
#include "contracts/invariants.h"
#include "contracts/limits.h"
#include "contracts/params.h"
#include "contracts/stake.h"
#include "contracts/task_flow.h"
#include "contracts/transactions.h"
#include "contracts/validators.h"

namespace assay::contracts {

using ledger::TxOutcome;

std::optional<uint32_t> ContractRules::upgraded_version(const ReadView& before,
                                                        uint64_t height) const {
    const auto upgrade = Reader(before).upgrade();
    if (!upgrade) return std::nullopt;
    return height >= upgrade->height() ? upgrade->version() : upgrade->before();
}

Status ContractRules::init_genesis(const pb::Genesis& genesis, State& state) const {
    ASSAY_ASSIGN(const pb::Params params, params_from_genesis(genesis.params()));
    Store store(state);
    store.put(params);
    pb::Totals totals;
    for (const pb::GenesisAccount& given : genesis.accounts()) {
        const auto owner = Address::from(given.address());
        if (!owner) {
            return fail(Code::kInvalidArgument, "genesis account has an address of " +
                                                    std::to_string(given.address().size()) +
                                                    " bytes; an address has 20");
        }
        if (given.balance() > kMaxAmount - totals.supply()) {
            return fail(Code::kLimit,
                        "genesis balances add up to more than 2^63 - 1 micro-units; lower them");
        }
        totals.set_supply(totals.supply() + given.balance());
        credit(store, *owner, given.balance());
    }
    store.put(totals);
    return add_genesis_validators(store, genesis);
}

TxCode ContractRules::preflight(const ledger::CheckedTx& tx, uint32_t version,
                                std::string& why) const {
    if (tx.body.fee() == 0) return TxCode::kFeeTooLow;
    return preflight_payload(tx.body.type(), view_of(tx.body.payload()), version, why);
}

TxCode ContractRules::preclaim(const ledger::CheckedTx& tx, const ReadView& state) const {
    const Reader reader(state);
    if (tx.body.fee() < reader.params().min_fee()) return TxCode::kFeeTooLow;
    const pb::Account account = reader.account(tx.sender);
    if (tx.body.nonce() < account.nonce()) return TxCode::kNonceUsed;
    if (tx.body.nonce() > account.nonce()) return TxCode::kNonceGap;
    return account.balance() < tx.body.fee() ? TxCode::kCannotPayFee : TxCode::kOk;
}

uint64_t ContractRules::next_nonce(const Address& sender, const ReadView& state) const {
    return Reader(state).account(sender).nonce();
}

std::vector<Bytes> ContractRules::likely_reads(const ledger::CheckedTx& tx) const {
    std::vector<Bytes> keys{keys::account(tx.sender)};
    if (tx.body.type() != static_cast<uint32_t>(TxType::kTransfer)) return keys;
    pb::Transfer transfer;
    if (!transfer.ParseFromString(tx.body.payload())) return keys;
    if (const auto to = Address::from(transfer.to())) keys.push_back(keys::account(*to));
    return keys;
}

TxOutcome ContractRules::apply(const ledger::CheckedTx& tx, const ledger::BlockInfo& block,
                               State& state, ledger::Events& events) const {
    if (const TxCode code = preclaim(tx, state); code != TxCode::kOk) return {code, 0};
    State charged(state);
    Store payer(charged);
    if (!charge_fee(payer, tx.sender, tx.body.fee())) return {TxCode::kCannotPayFee, 0};
    pb::Account account = payer.account(tx.sender);
    account.set_nonce(account.nonce() + 1);
    payer.put(tx.sender, account);

    State effect(charged);
    ledger::Events own_events;
    Context context{Store(effect), block,     Reader(effect).params(),
                    own_events,    tx.sender, tx.body.nonce()};
    const TxCode code = apply_payload(tx.body.type(), view_of(tx.body.payload()), context);
    if (!ledger::is_included(code)) return {code, 0};
    if (code == TxCode::kOk) {
        charged.merge(std::move(effect).changes());
        for (auto& event : own_events) events.push_back(std::move(event));
    }
    state.merge(std::move(charged).changes());
    return {code, tx.body.fee()};
}

void ContractRules::end_block(const ledger::BlockInfo& block, State& state,
                              ledger::Events& events) const {
    Context context{Store(state), block, Reader(state).params(), events, Address{}, 0};
    punish_double_votes(context);
    release_unbondings(context);
    run_due_tasks(context);
    fill_vacancies(context);
    update_validator_set(context);
    note_block(context);
}

std::vector<ledger::ValidatorPower> ContractRules::validators(const ReadView& state) const {
    std::vector<ledger::ValidatorPower> all;
    const pb::ValidatorSet set = Reader(state).validator_set();
    for (const pb::Validator& each : set.validators())
        all.push_back({bytes_of(each.consensus_key()), each.power()});
    return all;
}

std::optional<std::string> ContractRules::broken_invariant(const State& changed) const {
    return find_broken_change(changed);
}

std::optional<std::string> ContractRules::broken_global_invariant(const ReadView& state) const {
    return find_broken_state(state);
}

}  // namespace assay::contracts
