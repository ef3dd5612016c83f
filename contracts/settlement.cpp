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

uint64_t pro_rata(const pb::Task& task, const pb::Slot& slot, uint64_t now) {
    if (slot.accepted_ms() == 0 || slot.t_ref_ms() == 0) return 0;
    const uint64_t worked = std::min(now - slot.accepted_ms(), slot.t_ref_ms());
    return static_cast<uint64_t>(Wide{reward(task, slot)} * worked / slot.t_ref_ms());
}

void leave_device(Context& context, pb::Slot& slot, pb::SlotState end) {
    if (is_occupied(slot.state()) && !is_occupied(end))
        change_busy(context, stored_address(slot.operator_()), -1);
    slot.set_state(end);
    slot.set_due_ms(0);
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
    const auto fine = static_cast<uint64_t>(Wide{reward(task, slot)} * permille / 1000);
    slash_slot(context, task, stored_address(job.requester()), slot, fine, reason);
    count_silence(context, owner);
    suspend(context, owner, reason);
    release_slot(context, task, slot, end);
}

void settle_task(Context& context, pb::Job& job, pb::Task& task) {
    for (pb::Slot& slot : *task.mutable_slots()) {
        const Address owner = stored_address(slot.operator_());
        if (slot.state() == pb::SLOT_AGREED) {
            pay_slot(context, job, task, slot, reward(task, slot));
            count_agreement(context, owner);
            release_slot(context, task, slot, pb::SLOT_AGREED);
        } else if (slot.state() == pb::SLOT_DISSENT) {
            slash_slot(context, task, stored_address(job.requester()), slot, slot.stake(),
                       "wrong_result");
            count_dissent(context, owner);
            count_wrong_result(context, owner);
            release_slot(context, task, slot, pb::SLOT_DISSENT);
        }
    }
    set_state(task, pb::TASK_FINAL);
    context.emit("task.final", {{"task", hex_text(task.id())},
                                {"job", hex_text(task.job_id())},
                                {"output", hex_text(task.output().root())},
                                {"trace", hex_text(task.trace().root())}});
}

void abandon_task(Context& context, pb::Task& task, pb::TaskState end) {
    for (pb::Slot& slot : *task.mutable_slots())
        if (is_occupied(slot.state())) release_slot(context, task, slot, pb::SLOT_RELEASED);
    task.set_vacancies(0);
    set_state(task, end);
    context.emit(end == pb::TASK_EXPIRED ? "task.expired" : "task.undecided",
                 {{"task", hex_text(task.id())}, {"job", hex_text(task.job_id())}});
}

void cancel_task(Context& context, pb::Job& job, pb::Task& task) {
    for (pb::Slot& slot : *task.mutable_slots()) {
        if (!is_occupied(slot.state())) continue;
        if (slot.state() != pb::SLOT_OFFERED)
            pay_slot(context, job, task, slot, pro_rata(task, slot, context.now()));
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
