#include "contracts/stake.h"

#include <algorithm>

#include "contracts/bank.h"
#include "contracts/limits.h"
#include "contracts/payload_checks.h"
#include "contracts/validators.h"

namespace assay::contracts {
namespace {

int64_t sign(uint64_t amount) {
    return static_cast<int64_t>(amount);
}

// Several entries may mature at one time: the index has one mark for all of them.
void release_of(Context& context, const Address& owner) {
    pb::Stake stake = *context.store.stake(owner);
    uint64_t released = 0;
    pb::Stake kept = stake;
    kept.clear_unbonding();
    for (const pb::Unbonding& entry : stake.unbonding()) {
        if (entry.release_ms() <= context.now()) {
            released += entry.amount();
            context.store.erase(keys::unbonding(entry.release_ms(), owner));
        } else {
            *kept.add_unbonding() = entry;
        }
    }
    save_stake(context.store, owner, kept);
    credit(context.store, owner, released);
    add_totals(context.store, {.unbonding = -sign(released)});
    context.emit("stake.released", {{"operator", hex_text(owner)}, {"amount", decimal(released)}});
}

}  // namespace

Status StakeBondRule::preflight(const pb::StakeBond& message) {
    return check_amount("amount", message.amount());
}

TxCode StakeBondRule::apply(Context& context, const pb::StakeBond& message) {
    pb::Stake stake = context.store.stake(context.sender).value_or(pb::Stake());
    if (stake.tombstoned()) return TxCode::kNotAllowed;
    if (message.amount() > context.store.account(context.sender).balance())
        return TxCode::kInsufficientFunds;
    if (stake.bonded() + message.amount() < context.params.min_stake())
        return TxCode::kStakeTooSmall;
    if (!debit(context.store, context.sender, message.amount())) return TxCode::kInsufficientFunds;
    // A bond that had fallen below the minimum starts its age anew.
    if (stake.bonded() < context.params.min_stake()) stake.set_since_ms(context.now());
    stake.set_bonded(stake.bonded() + message.amount());
    save_stake(context.store, context.sender, stake);
    add_totals(context.store, {.bonded = sign(message.amount())});
    context.emit("stake.bonded", {{"operator", hex_text(context.sender)},
                                  {"amount", decimal(message.amount())},
                                  {"bonded", decimal(stake.bonded())}});
    return TxCode::kOk;
}

Status StakeUnbondRule::preflight(const pb::StakeUnbond& message) {
    return check_amount("amount", message.amount());
}

TxCode StakeUnbondRule::apply(Context& context, const pb::StakeUnbond& message) {
    auto stake = context.store.stake(context.sender);
    if (!stake) return TxCode::kNotFound;
    if (message.amount() > stake->bonded()) return TxCode::kInsufficientFunds;
    if (message.amount() > stake->bonded() - stake->locked()) return TxCode::kStakeLocked;
    const uint64_t rest = stake->bonded() - message.amount();
    if (rest > 0 && rest < context.params.min_stake()) return TxCode::kStakeTooSmall;
    if (stake->unbonding_size() >= kMaxUnbondings) return TxCode::kLimitExceeded;
    const uint64_t release_ms = context.now() + context.params.unbond_delay_ms();
    stake->set_bonded(rest);
    pb::Unbonding* entry = stake->add_unbonding();
    entry->set_amount(message.amount());
    entry->set_release_ms(release_ms);
    save_stake(context.store, context.sender, *stake);
    context.store.mark(keys::unbonding(release_ms, context.sender));
    add_totals(context.store,
               {.bonded = -sign(message.amount()), .unbonding = sign(message.amount())});
    context.emit("stake.unbonding", {{"operator", hex_text(context.sender)},
                                     {"amount", decimal(message.amount())},
                                     {"release_ms", decimal(release_ms)}});
    return TxCode::kOk;
}

Status StakeUnjailRule::preflight(const pb::StakeUnjail&) {
    return {};
}

TxCode StakeUnjailRule::apply(Context& context, const pb::StakeUnjail&) {
    auto stake = context.store.stake(context.sender);
    if (!stake) return TxCode::kNotFound;
    if (!is_jailed(*stake)) return TxCode::kWrongState;
    if (stake->tombstoned() || context.now() < stake->jailed_until_ms()) return TxCode::kNotAllowed;
    if (stake->bonded() < context.params.min_stake()) return TxCode::kStakeTooSmall;
    stake->set_jailed_until_ms(0);
    save_stake(context.store, context.sender, *stake);
    context.emit("stake.unjailed", {{"operator", hex_text(context.sender)}});
    return TxCode::kOk;
}

void release_unbondings(Context& context) {
    std::vector<Address> owners;  // a scan must not write
    context.store.view().scan(keys::tagged(keys::Tag::kUnbonding), [&](ByteView key, ByteView) {
        if (read_be64(key.subspan(1)) > context.now()) return false;
        owners.push_back(*Address::from(key.subspan(9)));
        return owners.size() < kMaxReleasesPerBlock;
    });
    std::sort(owners.begin(), owners.end());
    owners.erase(std::unique(owners.begin(), owners.end()), owners.end());
    for (const Address& owner : owners) release_of(context, owner);
}

void lock_slot(Context& context, ByteView task_id, pb::Slot& slot, uint64_t amount) {
    const Address owner = stored_address(slot.operator_());
    pb::Stake stake = *context.store.stake(owner);
    stake.set_locked(stake.locked() + amount);
    slot.set_stake(amount);
    save_stake(context.store, owner, stake);
    context.store.mark(keys::operator_task(owner, task_id));
    add_totals(context.store, {.locked = sign(amount)});
}

void unlock_slot(Context& context, ByteView task_id, pb::Slot& slot) {
    const Address owner = stored_address(slot.operator_());
    pb::Stake stake = *context.store.stake(owner);
    stake.set_locked(stake.locked() - slot.stake());
    save_stake(context.store, owner, stake);
    context.store.erase(keys::operator_task(owner, task_id));
    add_totals(context.store, {.locked = -sign(slot.stake())});
    slot.set_stake(0);
}

void slash_slot(Context& context, const pb::Job& job, const pb::Task& task, pb::Slot& slot,
                uint64_t amount, std::string_view reason) {
    const Address owner = stored_address(slot.operator_());
    const uint64_t taken = std::min(amount, slot.stake());
    const uint64_t shared_permille =
        is_closed(job) ? 0 : 1000 - context.params.slash_burn_permille();
    const uint64_t burnt = taken - static_cast<uint64_t>(static_cast<unsigned __int128>(taken) *
                                                         shared_permille / 1000);
    pb::Stake stake = *context.store.stake(owner);
    stake.set_bonded(stake.bonded() - taken);
    stake.set_locked(stake.locked() - taken);
    stake.set_slashed_total(stake.slashed_total() + taken);
    save_stake(context.store, owner, stake);
    slot.set_stake(slot.stake() - taken);
    slot.set_slashed(slot.slashed() + taken);
    add_totals(context.store, {.bonded = -sign(taken), .locked = -sign(taken)});
    burn(context.store, burnt);
    credit(context.store, stored_address(job.requester()), taken - burnt);
    pb::Provider provider = *context.store.provider(owner);
    provider.set_slashed(provider.slashed() + taken);
    context.store.put(provider);
    context.emit("stake.slashed", {{"operator", hex_text(owner)},
                                   {"task", hex_text(task.id())},
                                   {"job", hex_text(task.job_id())},
                                   {"reason", std::string(reason)},
                                   {"amount", decimal(taken)},
                                   {"burnt", decimal(burnt)},
                                   {"to_requester", decimal(taken - burnt)}});
}

void jail(Context& context, const Address& owner) {
    pb::Stake stake = *context.store.stake(owner);
    const uint64_t until = context.now() + context.params.jail_ms();
    stake.set_jailed_until_ms(until);
    save_stake(context.store, owner, stake);
    context.emit("provider.jailed", {{"operator", hex_text(owner)}, {"until_ms", decimal(until)}});
}

void count_wrong_result(Context& context, const Address& owner) {
    pb::Stake stake = *context.store.stake(owner);
    stake.set_wrong_results(stake.wrong_results() + 1);
    const bool tombstone =
        !stake.tombstoned() && stake.wrong_results() >= context.params.tombstone_after();
    if (tombstone) stake.set_tombstoned(true);
    save_stake(context.store, owner, stake);
    if (tombstone) context.emit("provider.tombstoned", {{"operator", hex_text(owner)}});
}

}  // namespace assay::contracts
