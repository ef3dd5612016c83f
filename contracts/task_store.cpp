#include "contracts/task_store.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

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
