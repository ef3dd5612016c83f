#include "contracts/task_store.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "contracts/limits.h"

namespace assay::contracts {
namespace {

bool is_pending(const pb::Slot& slot) {
    return slot.state() == pb::SLOT_OFFERED || slot.state() == pb::SLOT_ACCEPTED;
}

bool is_vacant(const pb::Task& task) {
    return task.vacancies() > 0 && is_fillable(task.state());
}

uint64_t next_of_slots(const pb::Task& task, const pb::Params& params) {
    uint64_t due = task.expires_ms();
    bool pending = false;
    for (const pb::Slot& slot : task.slots()) {
        if (!is_pending(slot)) continue;
        pending = true;
        due = std::min(due, slot.due_ms());
    }
    if (pending || !can_go_without_substitute(task)) return due;
    // Nobody works any more and a place is empty: the wait for a substitute is bounded.
    return std::min(due, task.vacant_ms() + params.accept_ms());
}

// Brought no vote and locks nothing: only the record of it is left.
bool is_spent(const pb::Slot& slot) {
    const pb::SlotState state = slot.state();
    return slot.stake() == 0 && (state == pb::SLOT_DECLINED || state == pb::SLOT_NOT_ACCEPTED ||
                                 state == pb::SLOT_NO_COMMIT || state == pb::SLOT_NO_REVEAL);
}

}  // namespace

bool can_go_without_substitute(const pb::Task& task) {
    return task.state() == pb::TASK_ASSIGNED && task.vacancies() > 0 &&
           count_slots(task, pb::SLOT_REVEALED) == 0 &&
           2 * count_slots(task, pb::SLOT_COMMITTED) > static_cast<int>(task.replicas());
}

void set_state(pb::Task& task, pb::TaskState to) {
    if (!is_legal_edge(task.state(), to)) {
        std::fprintf(stderr, "task %s: no edge from %s to %s\n", to_hex(view_of(task.id())).c_str(),
                     pb::TaskState_Name(task.state()).c_str(), pb::TaskState_Name(to).c_str());
        std::abort();
    }
    task.set_state(to);
}

uint64_t next_due_ms(const pb::Task& task, const pb::Params& params) {
    if (is_fillable(task.state())) return next_of_slots(task, params);
    if (task.state() == pb::TASK_COMMITTED || task.state() == pb::TASK_TALLIED)
        return task.phase_due_ms();
    return 0;
}

void save_task(Context& context, const pb::Job& job, pb::Task& task) {
    const ByteView id = view_of(task.id());
    const uint32_t priority = job.spec().terms().priority();
    const uint64_t due_ms = next_due_ms(task, context.params);
    const auto before = context.store.task(id);
    if (before && before->due_ms() != 0 && before->due_ms() != due_ms)
        context.store.erase(keys::due(before->due_ms(), id));
    if (due_ms != 0) context.store.mark(keys::due(due_ms, id));
    if (before && is_vacant(*before) &&
        (!is_vacant(task) || before->vacant_ms() != task.vacant_ms())) {
        context.store.erase(keys::vacant(priority, before->vacant_ms(), id));
    }
    if (is_vacant(task)) context.store.mark(keys::vacant(priority, task.vacant_ms(), id));
    task.set_due_ms(due_ms);
    context.store.put(task);
}

void extend_expiry(const Context& context, const pb::Job& job, pb::Task& task, uint64_t t_ref_ms) {
    const pb::Params& params = context.params;
    const uint64_t deadline = job_deadline(job);
    if (context.now() >= deadline) return task.set_expires_ms(deadline);
    const uint64_t left = deadline - context.now();
    const uint64_t factor = params.final_factor();
    // The product is compared by division: a tiny score makes T_ref as large as 2^63.
    const uint64_t by_work = t_ref_ms > left / factor ? left : factor * t_ref_ms;
    const uint64_t span = std::min(left, std::max(by_work, params.final_floor_ms()));
    const bool posted = task.state() == pb::TASK_POSTED;  // then it still has the job's deadline
    const uint64_t earliest = posted ? 0 : task.expires_ms();
    task.set_expires_ms(std::max(earliest, context.now() + span));
}

bool is_forgotten(const pb::Slot& slot, uint64_t now_ms) {
    return is_spent(slot) && now_ms - slot.offered_ms() >= kSlotMemoryMs;
}

void make_room(pb::Task& task, int wanted, uint64_t now_ms) {
    auto& slots = *task.mutable_slots();
    slots.erase(std::remove_if(slots.begin(), slots.end(),
                               [&](const pb::Slot& slot) { return is_forgotten(slot, now_ms); }),
                slots.end());
    while (slots.size() + wanted > kMaxSlotsPerTask) {
        const auto oldest = std::find_if(slots.begin(), slots.end(), is_spent);
        if (oldest == slots.end()) return;
        slots.erase(oldest);
    }
}

int count_slots(const pb::Task& task, pb::SlotState state) {
    return static_cast<int>(
        std::count_if(task.slots().begin(), task.slots().end(),
                      [&](const pb::Slot& slot) { return slot.state() == state; }));
}

int count_occupied(const pb::Task& task) {
    return static_cast<int>(
        std::count_if(task.slots().begin(), task.slots().end(),
                      [](const pb::Slot& slot) { return is_occupied(slot.state()); }));
}

pb::Slot* find_slot(pb::Task& task, const Address& owner) {
    const std::string raw = to_raw(owner);
    for (pb::Slot& slot : *task.mutable_slots())
        if (slot.operator_() == raw) return &slot;
    return nullptr;
}

}  // namespace assay::contracts
