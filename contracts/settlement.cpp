#include "contracts/settlement.h"

#include <algorithm>

#include "contracts/bank.h"
#include "contracts/providers.h"
#include "contracts/reputation.h"
#include "contracts/stake.h"
#include "contracts/task_store.h"

namespace assay::contracts {
namespace {

using Wide = unsigned __int128;

void pay_slot(Context& context, pb::Job& job, const pb::Task& task, pb::Slot& slot,
              uint64_t amount) {
    if (amount == 0) return;
    const Address owner = stored_address(slot.operator_());
    job.set_escrow(job.escrow() - amount);
    job.set_spent(job.spent() + amount);
    slot.set_paid(slot.paid() + amount);
    add_totals(context.store, {.escrowed = -static_cast<int64_t>(amount)});
    credit(context.store, owner, amount);
    pb::Provider provider = *context.store.provider(owner);
    provider.set_earned(provider.earned() + amount);
    context.store.put(provider);
    context.emit("payment", {{"operator", hex_text(owner)},
                             {"task", hex_text(task.id())},
                             {"job", hex_text(job.id())},
                             {"amount", decimal(amount)}});
}

void leave_device(Context& context, pb::Slot& slot, pb::SlotState end) {
    if (is_occupied(slot.state()) && !is_occupied(end))
        change_busy(context, stored_address(slot.operator_()), -1);
    slot.set_state(end);
    slot.set_due_ms(0);
}

uint64_t share_of_reward(const pb::Task& task, const pb::Slot& slot, uint64_t permille) {
    return static_cast<uint64_t>(Wide{reward(task, slot)} * permille / 1000);
}

// The vote went against the slot: a wrong result, or one that it did not dare to show.
void punish_loser(Context& context, const pb::Job& job, const pb::Task& task, pb::Slot& slot) {
    const Address owner = stored_address(slot.operator_());
    const std::string_view reason = is_withheld(slot) ? "no_reveal" : "wrong_result";
    const uint64_t fine = share_of_reward(task, slot, context.params.no_reveal_fine_permille());
    slash_slot(context, job, task, slot, is_closed(job) ? fine : slot.stake(), reason);
    if (!is_closed(job)) {
        count_dissent(context, owner);
        count_wrong_result(context, owner);
    }
    release_slot(context, task, slot, slot.state());
}

// The vote ended without a majority: the fine of a missing reveal, nothing more.
void fine_withheld(Context& context, const pb::Job& job, const pb::Task& task, pb::Slot& slot) {
    const uint64_t fine = share_of_reward(task, slot, context.params.no_reveal_fine_permille());
    slash_slot(context, job, task, slot, fine, "no_reveal");
    release_slot(context, task, slot, slot.state());
}

}  // namespace

void release_slot(Context& context, const pb::Task& task, pb::Slot& slot, pb::SlotState end) {
    leave_device(context, slot, end);
    unlock_slot(context, view_of(task.id()), slot);
}

void judge_slot(Context& context, pb::Slot& slot, pb::SlotState verdict) {
    leave_device(context, slot, verdict);
}

void fine_slot(Context& context, const pb::Job& job, const pb::Task& task, pb::Slot& slot,
               uint64_t permille, pb::SlotState end) {
    const Address owner = stored_address(slot.operator_());
    const std::string_view reason = end == pb::SLOT_NO_COMMIT ? "no_commit" : "no_reveal";
    slash_slot(context, job, task, slot, share_of_reward(task, slot, permille), reason);
    count_silence(context, owner);
    suspend(context, owner, reason);
    release_slot(context, task, slot, end);
}

void withhold_slot(Context& context, pb::Slot& slot) {
    const Address owner = stored_address(slot.operator_());
    judge_slot(context, slot, pb::SLOT_NO_REVEAL);
    count_silence(context, owner);
    suspend(context, owner, "no_reveal");
}

void settle_task(Context& context, pb::Job& job, pb::Task& task) {
    for (pb::Slot& slot : *task.mutable_slots()) {
        const Address owner = stored_address(slot.operator_());
        if (slot.state() == pb::SLOT_AGREED) {
            pay_slot(context, job, task, slot, reward(task, slot));
            if (!is_closed(job)) count_agreement(context, owner);
            release_slot(context, task, slot, pb::SLOT_AGREED);
        } else if (slot.state() == pb::SLOT_DISSENT || is_withheld(slot)) {
            punish_loser(context, job, task, slot);
        }
    }
    set_state(task, pb::TASK_FINAL);
    context.emit("task.final", {{"task", hex_text(task.id())},
                                {"job", hex_text(task.job_id())},
                                {"output", hex_text(task.output().root())},
                                {"trace", hex_text(task.trace().root())}});
}

void abandon_task(Context& context, const pb::Job& job, pb::Task& task, pb::TaskState end) {
    for (pb::Slot& slot : *task.mutable_slots()) {
        if (is_withheld(slot)) fine_withheld(context, job, task, slot);
        if (is_occupied(slot.state())) release_slot(context, task, slot, pb::SLOT_RELEASED);
    }
    task.set_vacancies(0);
    set_state(task, end);
    context.emit(end == pb::TASK_EXPIRED ? "task.expired" : "task.undecided",
                 {{"task", hex_text(task.id())}, {"job", hex_text(task.job_id())}});
}

void cancel_task(Context& context, pb::Job& job, pb::Task& task) {
    for (pb::Slot& slot : *task.mutable_slots()) {
        if (is_withheld(slot)) fine_withheld(context, job, task, slot);
        if (!is_occupied(slot.state())) continue;
        if (slot.state() == pb::SLOT_COMMITTED || slot.state() == pb::SLOT_REVEALED)
            pay_slot(context, job, task, slot, reward(task, slot));
        release_slot(context, task, slot, pb::SLOT_RELEASED);
    }
    task.set_vacancies(0);
    set_state(task, pb::TASK_CANCELLED);
    context.emit("task.cancelled",
                 {{"task", hex_text(task.id())}, {"job", hex_text(task.job_id())}});
}

void refund_escrow(Context& context, pb::Job& job) {
    const uint64_t rest = job.escrow();
    if (rest == 0) return;
    job.set_escrow(0);
    add_totals(context.store, {.escrowed = -static_cast<int64_t>(rest)});
    credit(context.store, stored_address(job.requester()), rest);
    context.emit("refund", {{"job", hex_text(job.id())},
                            {"requester", hex_text(job.requester())},
                            {"amount", decimal(rest)}});
}

}  // namespace assay::contracts
