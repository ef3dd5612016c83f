#include "contracts/validators.h"

#include <algorithm>

#include "contracts/bank.h"
#include "contracts/limits.h"
#include "contracts/payload_checks.h"
#include "ledger/crypto/ed25519.h"

namespace assay::contracts {
namespace {

constexpr size_t kConsensusKeyBytes = 32;

uint64_t sum_of_powers(const pb::ValidatorSet& set) {
    uint64_t sum = 0;
    for (const pb::Validator& validator : set.validators()) sum += validator.power();
    return sum;
}

// Nothing that a slot locks: that is for the votes on its result.
uint64_t take_free_stake(pb::Stake& stake, uint64_t amount, uint64_t& from_unbonding) {
    const uint64_t from_bond = std::min(amount, stake.bonded() - stake.locked());
    stake.set_bonded(stake.bonded() - from_bond);
    from_unbonding = 0;
    for (pb::Unbonding& entry : *stake.mutable_unbonding()) {
        const uint64_t taken = std::min(amount - from_bond - from_unbonding, entry.amount());
        entry.set_amount(entry.amount() - taken);
        from_unbonding += taken;
    }
    return from_bond;
}

uint64_t punish(Context& context, const Address& owner) {
    pb::Stake stake = *context.store.stake(owner);
    if (stake.tombstoned()) return 0;
    unsigned __int128 exposed = stake.bonded();
    for (const pb::Unbonding& entry : stake.unbonding()) exposed += entry.amount();
    const auto due =
        static_cast<uint64_t>(exposed * context.params.double_vote_slash_permille() / 1000);
    uint64_t from_unbonding = 0;
    const uint64_t from_bond = take_free_stake(stake, due, from_unbonding);
    const uint64_t taken = from_bond + from_unbonding;
    stake.set_slashed_total(stake.slashed_total() + taken);
    stake.set_tombstoned(true);
    save_stake(context.store, owner, stake);
    add_totals(context.store, {.bonded = -static_cast<int64_t>(from_bond),
                               .unbonding = -static_cast<int64_t>(from_unbonding)});
    burn(context.store, taken);
    return taken;
}

}  // namespace

uint64_t validator_power(const pb::Stake& stake, const pb::Params& params) {
    if (stake.consensus_key().empty() || stake.tombstoned()) return 0;
    return stake.bonded() < params.min_validator_stake() ? 0 : stake.bonded() / kPowerUnit;
}

void save_stake(Store& store, const Address& owner, const pb::Stake& stake) {
    const pb::Stake before = store.stake(owner).value_or(pb::Stake());
    store.put(owner, stake);
    if (before.consensus_key().empty() && stake.consensus_key().empty()) return;
    const pb::Params params = store.params();
    const uint64_t old_power = validator_power(before, params);
    const uint64_t power = validator_power(stake, params);
    if (old_power == power && before.consensus_key() == stake.consensus_key()) return;
    if (old_power > 0) store.erase(keys::validator_rank(old_power, owner));
    if (power > 0) store.mark(keys::validator_rank(power, owner));
    pb::ValidatorSet set = store.validator_set();
    set.set_outdated(true);
    store.put(set);
}

Status ValidatorRegisterRule::preflight(const pb::ValidatorRegister& message) {
    return check_size("consensus_key", message.consensus_key(), kConsensusKeyBytes);
}

TxCode ValidatorRegisterRule::apply(Context& context, const pb::ValidatorRegister& message) {
    auto stake = context.store.stake(context.sender);
    if (!stake) return TxCode::kNotFound;
    if (stake->tombstoned()) return TxCode::kNotAllowed;
    if (stake->bonded() < context.params.min_validator_stake()) return TxCode::kStakeTooSmall;
    if (stake->consensus_key() == message.consensus_key()) return TxCode::kAlreadyExists;
    const auto address = ledger::ed25519_address(view_of(message.consensus_key()));
    const auto owner = context.store.consensus_key_owner(address);
    if (owner && *owner != context.sender) return TxCode::kAlreadyExists;
    if (!owner) context.store.put_consensus_key_owner(address, context.sender);
    stake->set_consensus_key(message.consensus_key());
    save_stake(context.store, context.sender, *stake);
    context.emit("validator.registered",
                 {{"operator", hex_text(context.sender)},
                  {"consensus_key", hex_text(message.consensus_key())},
                  {"power", decimal(validator_power(*stake, context.params))}});
    return TxCode::kOk;
}

Status ValidatorLeaveRule::preflight(const pb::ValidatorLeave&) {
    return {};
}

TxCode ValidatorLeaveRule::apply(Context& context, const pb::ValidatorLeave&) {
    auto stake = context.store.stake(context.sender);
    if (!stake || stake->consensus_key().empty()) return TxCode::kNotFound;
    stake->clear_consensus_key();
    save_stake(context.store, context.sender, *stake);
    context.emit("validator.left", {{"operator", hex_text(context.sender)}});
    return TxCode::kOk;
}

Status add_genesis_validators(Store& store, const pb::Genesis& genesis) {
    const pb::Params params = store.params();
    for (int i = 0; i < genesis.validators_size(); ++i) {
        const pb::GenesisValidator& given = genesis.validators(i);
        const std::string field = "genesis.validators[" + std::to_string(i) + "]";
        const Address owner = stored_address(given.operator_());
        if (store.stake(owner))
            return fail(Code::kInvalidArgument, field + ".operator: is one before it, too");
        const uint64_t bond = given.power() * kPowerUnit;
        if (bond < params.min_validator_stake())
            return fail(Code::kInvalidArgument,
                        field + ".power: " + std::to_string(given.power()) +
                            " units are below min_validator_stake, " +
                            std::to_string(params.min_validator_stake() / kPowerUnit));
        pb::Totals totals = store.totals();
        if (bond > kMaxAmount - totals.supply())
            return fail(Code::kLimit,
                        field + ".power: with it the supply exceeds 2^63 - 1 micro-units");
        totals.set_supply(totals.supply() + bond);
        store.put(totals);
        add_totals(store, {.bonded = static_cast<int64_t>(bond)});
        pb::Stake stake;
        stake.set_bonded(bond);
        stake.set_since_ms(genesis.time_ms());
        stake.set_consensus_key(given.consensus_key());
        store.put_consensus_key_owner(ledger::ed25519_address(view_of(given.consensus_key())),
                                      owner);
        save_stake(store, owner, stake);
    }
    if (genesis.validators_size() > static_cast<int>(params.max_validators()))
        return fail(Code::kLimit, "genesis.validators: more than max_validators, " +
                                      std::to_string(params.max_validators()));
    if (genesis.validators_size() > 0) store.put(strongest_validators(store));
    return {};
}

void punish_double_votes(Context& context) {
    for (const ledger::Misbehavior& each : context.block.misbehavior) {
        const auto owner = context.store.consensus_key_owner(each.consensus_address);
        const uint64_t taken = owner ? punish(context, *owner) : 0;
        context.emit("validator.double_vote",
                     {{"consensus_address", to_hex(each.consensus_address)},
                      {"height", decimal(each.height)},
                      {"operator", owner ? hex_text(*owner) : ""},
                      {"amount", decimal(taken)}});
    }
}

void update_validator_set(Context& context) {
    pb::ValidatorSet set = context.store.validator_set();
    if (!set.outdated()) return;
    pb::ValidatorSet strongest = strongest_validators(context.store);
    // Somebody must order blocks; a chain with a producer has no set before its first validator,
    // and needs none.
    if (strongest.validators().empty()) strongest = set;
    strongest.set_outdated(false);
    context.store.put(strongest);
    set.set_outdated(false);
    if (strongest.SerializeAsString() == set.SerializeAsString()) return;
    context.emit("validator.set",
                 {{"validators", decimal(static_cast<uint64_t>(strongest.validators_size()))},
                  {"power", decimal(sum_of_powers(strongest))}});
}

void for_each_ranked(const Reader& reader,
                     const std::function<bool(const Address&, const pb::Stake&, uint64_t)>& visit) {
    const pb::Params params = reader.params();
    reader.view().scan(keys::tagged(keys::Tag::kValidatorRank), [&](ByteView key, ByteView) {
        const Address owner = *Address::from(key.subspan(9));
        const pb::Stake stake = *reader.stake(owner);
        return visit(owner, stake, validator_power(stake, params));
    });
}

pb::ValidatorSet strongest_validators(const Reader& reader) {
    const uint32_t room = reader.params().max_validators();
    std::vector<pb::Validator> validators;
    for_each_ranked(reader, [&](const Address&, const pb::Stake& stake, uint64_t power) {
        pb::Validator& validator = validators.emplace_back();
        validator.set_consensus_key(stake.consensus_key());
        validator.set_power(power);
        return validators.size() < room;
    });
    std::sort(validators.begin(), validators.end(),
              [](const pb::Validator& a, const pb::Validator& b) {
                  return a.consensus_key() < b.consensus_key();
              });
    pb::ValidatorSet set;
    for (const pb::Validator& validator : validators) *set.add_validators() = validator;
    return set;
}

}  // namespace assay::contracts
