#include "contracts/invariants.h"

#include <map>
#include <set>

#include "contracts/limits.h"
#include "contracts/store.h"
#include "contracts/task_states.h"
#include "contracts/task_store.h"
#include "contracts/validators.h"

namespace assay::contracts {
namespace {

using Wide = __int128;
using Broken = std::optional<std::string>;

// What the objects hold and what the totals say, as sums or as differences.
struct Sums {
    Wide balance = 0, bonded = 0, unbonding = 0, locked = 0, escrow = 0;
    Wide slot_stake = 0, occupied = 0, busy = 0;
    Wide total_supply = 0, total_burnt = 0, total_bonded = 0, total_unbonding = 0;
    Wide total_locked = 0, total_escrowed = 0;
};

void add_task(Sums& sums, const pb::Task& task, Wide sign) {
    for (const pb::Slot& slot : task.slots()) {
        sums.slot_stake += sign * slot.stake();
        sums.occupied += sign * (is_occupied(slot.state()) ? 1 : 0);
    }
}

void add_stake(Sums& sums, const pb::Stake& stake, Wide sign) {
    sums.bonded += sign * stake.bonded();
    sums.locked += sign * stake.locked();
    for (const pb::Unbonding& entry : stake.unbonding()) sums.unbonding += sign * entry.amount();
}

void add_totals_object(Sums& sums, const pb::Totals& totals, Wide sign) {
    sums.total_supply += sign * totals.supply();
    sums.total_burnt += sign * totals.burnt();
    sums.total_bonded += sign * totals.bonded();
    sums.total_unbonding += sign * totals.unbonding();
    sums.total_locked += sign * totals.locked();
    sums.total_escrowed += sign * totals.escrowed();
}

void add_object(Sums& sums, ByteView key, ByteView value, Wide sign) {
    switch (keys::tag_of(key)) {
        case keys::Tag::kTotals:
            return add_totals_object(sums, parse_stored<pb::Totals>(value), sign);
        case keys::Tag::kAccount:
            sums.balance += sign * parse_stored<pb::Account>(value).balance();
            return;
        case keys::Tag::kStake:
            return add_stake(sums, parse_stored<pb::Stake>(value), sign);
        case keys::Tag::kProvider:
            sums.busy += sign * parse_stored<pb::Provider>(value).busy();
            return;
        case keys::Tag::kJob:
            sums.escrow += sign * parse_stored<pb::Job>(value).escrow();
            return;
        case keys::Tag::kTask:
            return add_task(sums, parse_stored<pb::Task>(value), sign);
        default:
            return;
    }
}

std::string text(Wide value) {
    return std::to_string(static_cast<int64_t>(value));
}

Broken unequal(std::string_view law, Wide left, Wide right) {
    if (left == right) return std::nullopt;
    return std::string(law) + ": " + text(left) + " is not " + text(right);
}

Broken check_sums(const Sums& s) {
    if (auto broken = unequal("supply = balances + bonds + unbondings + escrows", s.total_supply,
                              s.balance + s.bonded + s.unbonding + s.escrow)) {
        return broken;
    }
    if (auto broken =
            unequal("totals.escrowed = sum of escrows of jobs", s.total_escrowed, s.escrow))
        return broken;
    if (auto broken = unequal("totals.bonded = sum of bonds", s.total_bonded, s.bonded))
        return broken;
    if (auto broken =
            unequal("totals.unbonding = sum of unbondings", s.total_unbonding, s.unbonding))
        return broken;
    if (auto broken = unequal("totals.locked = sum of locked stake", s.total_locked, s.locked))
        return broken;
    if (auto broken = unequal("locked stake = sum of what slots lock", s.locked, s.slot_stake))
        return broken;
    return unequal("busy of providers = number of occupied slots", s.busy, s.occupied);
}

// The object's own bounds.
Broken check_object(ByteView key, ByteView value) {
    const std::string name = "object " + to_hex(key);
    switch (keys::tag_of(key)) {
        case keys::Tag::kAccount:
            if (parse_stored<pb::Account>(value).balance() <= kMaxAmount) return std::nullopt;
            return name + ": balance above 2^63 - 1";
        case keys::Tag::kStake: {
            const auto stake = parse_stored<pb::Stake>(value);
            if (stake.bonded() <= kMaxAmount && stake.locked() <= stake.bonded())
                return std::nullopt;
            return name + ": locked " + std::to_string(stake.locked()) + " of bonded " +
                   std::to_string(stake.bonded());
        }
        case keys::Tag::kProvider:
            if (parse_stored<pb::Provider>(value).busy() <= kMaxCapacity) return std::nullopt;
            return name + ": more slots in use than any capacity";
        case keys::Tag::kJob: {
            const auto job = parse_stored<pb::Job>(value);
            if (job.escrow() > kMaxAmount) return name + ": escrow above 2^63 - 1";
            if (job.state() == pb::JOB_RUNNING) return std::nullopt;
            if (job.escrow() == 0 && job.open_tasks().empty()) return std::nullopt;
            return name + ": an ended job keeps escrow or open tasks";
        }
        case keys::Tag::kTask: {
            const auto task = parse_stored<pb::Task>(value);
            if (!is_terminal(task.state())) return std::nullopt;
            for (const pb::Slot& slot : task.slots())
                if (slot.stake() != 0 || is_occupied(slot.state()))
                    return name + ": an ended task keeps a live slot";
            return std::nullopt;
        }
        default:
            return std::nullopt;
    }
}

// A slot is known by its operator and the time of its offer: nobody gets two at a time.
Broken check_slot_edges(const std::string& name, const pb::Task& before, const pb::Task& after) {
    for (const pb::Slot& slot : after.slots()) {
        pb::SlotState from = pb::SLOT_NONE;
        for (const pb::Slot& old : before.slots())
            if (old.operator_() == slot.operator_() && old.offered_ms() == slot.offered_ms())
                from = old.state();
        if (!is_reachable(from, slot.state()))
            return name + ": slot of " + to_hex(view_of(slot.operator_())) +
                   ": no path of edges from " + pb::SlotState_Name(from) + " to " +
                   pb::SlotState_Name(slot.state());
    }
    return std::nullopt;
}

Broken check_edge(ByteView key, ByteView before, ByteView after) {
    const std::string name = "object " + to_hex(key);
    switch (keys::tag_of(key)) {
        case keys::Tag::kAccount: {
            const uint64_t old_nonce = parse_stored<pb::Account>(before).nonce();
            const uint64_t new_nonce = parse_stored<pb::Account>(after).nonce();
            if (new_nonce >= old_nonce) return std::nullopt;
            return name + ": nonce fell from " + std::to_string(old_nonce) + " to " +
                   std::to_string(new_nonce);
        }
        case keys::Tag::kJob: {
            const pb::JobState from = parse_stored<pb::Job>(before).state();
            const pb::JobState to = parse_stored<pb::Job>(after).state();
            if (is_legal_job_edge(from, to)) return std::nullopt;
            return name + ": no edge from " + pb::JobState_Name(from) + " to " +
                   pb::JobState_Name(to);
        }
        case keys::Tag::kTask: {
            const auto old_task = parse_stored<pb::Task>(before);
            const auto new_task = parse_stored<pb::Task>(after);
            if (!is_reachable(old_task.state(), new_task.state()))
                return name + ": no path of edges from " + pb::TaskState_Name(old_task.state()) +
                       " to " + pb::TaskState_Name(new_task.state());
            return check_slot_edges(name, old_task, new_task);
        }
        default:
            return std::nullopt;
    }
}

bool is_index(keys::Tag tag) {
    return tag == keys::Tag::kUnbonding || tag == keys::Tag::kDue || tag == keys::Tag::kVacant ||
           tag == keys::Tag::kOperatorTask || tag == keys::Tag::kValidatorRank;
}

struct PerOperator {
    Wide slot_stake = 0, occupied = 0, locked = 0, busy = 0;
};

// What one pass over the whole state gathers.
struct Survey {
    Sums sums;
    std::map<std::string, PerOperator> operators;
    std::set<Bytes> expected_marks, found_marks;
    std::map<std::string, uint32_t> priorities;  // job id -> priority
    std::vector<pb::Task> tasks;
    pb::Params params;
    Broken broken;
};

void survey_task(Survey& survey, const pb::Task& task) {
    const ByteView id = view_of(task.id());
    for (const pb::Slot& slot : task.slots()) {
        PerOperator& op = survey.operators[slot.operator_()];
        op.slot_stake += slot.stake();
        op.occupied += is_occupied(slot.state()) ? 1 : 0;
        if (slot.stake() > 0)
            survey.expected_marks.insert(keys::operator_task(stored_address(slot.operator_()), id));
    }
    if (task.due_ms() != 0) survey.expected_marks.insert(keys::due(task.due_ms(), id));
    if (task.vacancies() > 0 && is_fillable(task.state())) {
        survey.expected_marks.insert(
            keys::vacant(survey.priorities[task.job_id()], task.vacant_ms(), id));
    }
}

void survey_object(Survey& survey, ByteView key, ByteView value) {
    add_object(survey.sums, key, value, 1);
    const keys::Tag tag = keys::tag_of(key);
    if (is_index(tag)) {
        survey.found_marks.insert(bytes_of(key));
    } else if (tag == keys::Tag::kJob) {
        const auto job = parse_stored<pb::Job>(value);
        survey.priorities[job.id()] = job.spec().terms().priority();
    } else if (tag == keys::Tag::kTask) {
        survey_task(survey, parse_stored<pb::Task>(value));
    } else if (tag == keys::Tag::kStake) {
        const auto stake = parse_stored<pb::Stake>(value);
        const Address owner = *Address::from(key.subspan(1));
        survey.operators[to_raw(owner)].locked = stake.locked();
        for (const pb::Unbonding& entry : stake.unbonding())
            survey.expected_marks.insert(keys::unbonding(entry.release_ms(), owner));
        if (const uint64_t power = validator_power(stake, survey.params); power > 0)
            survey.expected_marks.insert(keys::validator_rank(power, owner));
    } else if (tag == keys::Tag::kParams) {
        survey.params = parse_stored<pb::Params>(value);
    } else if (tag == keys::Tag::kProvider) {
        const auto provider = parse_stored<pb::Provider>(value);
        survey.operators[provider.operator_()].busy = provider.busy();
    }
}

// Between blocks the set is that of the ranks, unless it would be empty.
Broken check_validator_set(const Reader& reader) {
    const pb::ValidatorSet set = reader.validator_set();
    const pb::ValidatorSet strongest = strongest_validators(reader);
    if (set.outdated() || strongest.validators().empty() ||
        set.SerializeAsString() == strongest.SerializeAsString())
        return std::nullopt;
    return "the validator set is not that of the ranks: " + std::to_string(set.validators_size()) +
           " and " + std::to_string(strongest.validators_size()) + " validators";
}

}  // namespace

std::optional<std::string> find_broken_change(const ledger::State& changed) {
    Sums delta;
    for (const auto& [key, value] : changed.changes()) {
        const auto before = changed.base().get(key);
        if (before) add_object(delta, key, *before, -1);
        if (!value) {
            if (before && !is_index(keys::tag_of(key)))
                return "object " + to_hex(key) + ": erased; only index entries may be";
            continue;
        }
        add_object(delta, key, *value, 1);
        if (auto broken = check_object(key, *value)) return broken;
        if (!before) continue;
        if (auto broken = check_edge(key, *before, *value)) return broken;
    }
    if (auto broken =
            unequal("supply falls by what is burnt", -delta.total_supply, delta.total_burnt)) {
        return broken;
    }
    if (auto broken = check_sums(delta)) return "changes: " + *broken;
    return std::nullopt;
}

std::optional<std::string> find_broken_state(const ledger::ReadView& state) {
    Survey survey;
    // Tags ascend from jobs to tasks, so a task finds its job's priority.
    state.scan({}, [&](ByteView key, ByteView value) {
        survey.broken = check_object(key, value);
        if (survey.broken) return false;
        survey_object(survey, key, value);
        return true;
    });
    if (survey.broken) return survey.broken;
    if (auto broken = check_sums(survey.sums)) return broken;
    for (const auto& [raw, op] : survey.operators) {
        const std::string name = "operator " + to_hex(view_of(raw)) + ": ";
        if (auto broken = unequal(name + "locked = its slots' stake", op.locked, op.slot_stake))
            return broken;
        if (auto broken = unequal(name + "busy = its occupied slots", op.busy, op.occupied))
            return broken;
    }
    for (const Bytes& key : survey.expected_marks)
        if (!survey.found_marks.contains(key)) return "index entry " + to_hex(key) + " is missing";
    for (const Bytes& key : survey.found_marks)
        if (!survey.expected_marks.contains(key)) return "index entry " + to_hex(key) + " is stale";
    return check_validator_set(Reader(state));
}

}  // namespace assay::contracts
