// Loading and saving tasks: the one place that changes a task's state, and that keeps the indexes
// of timed edges and vacancies in step with the task.
//
// Threads: those of the context. Errors: an illegal edge aborts: the code, not the input, is wrong.
#pragma once

#include "contracts/context.h"
#include "contracts/task_states.h"

namespace assay::contracts {

// Aborts unless the edge is in kTaskEdges.
void set_state(pb::Task& task, pb::TaskState to);

// When the next timed edge of the task can fire; 0 = never.
[[nodiscard]] uint64_t next_due_ms(const pb::Task& task, const pb::Params& params);

// A first vote with an empty place where those who committed can still form a majority of n.
[[nodiscard]] bool can_go_without_substitute(const pb::Task& task);

// Recomputes due_ms, writes the object, moves its index entries. `priority` is the job's.
void save_task(Context& context, const pb::Job& job, pb::Task& task);

// T_final counts from the last offer or escalation, because only then T_ref of who must still work
// is known; it never falls and never passes the job's deadline.
void extend_expiry(const Context& context, const pb::Job& job, pb::Task& task, uint64_t t_ref_ms);
[[nodiscard]] inline uint64_t job_deadline(const pb::Job& job) {
    return job.posted_ms() + job.spec().terms().deadline_ms();
}

// A slot that ended without a vote is forgotten after a while: its operator may be asked again.
[[nodiscard]] bool is_forgotten(const pb::Slot& slot, uint64_t now_ms);
// Drops forgotten slots, and then the oldest without a vote, until `wanted` more fit the limit.
void make_room(pb::Task& task, int wanted, uint64_t now_ms);

[[nodiscard]] int count_slots(const pb::Task& task, pb::SlotState state);
// Slots that may still bring a vote: offered, accepted, committed, revealed.
[[nodiscard]] int count_occupied(const pb::Task& task);
// The sender's slot (an operator has at most one), or nullptr.
[[nodiscard]] pb::Slot* find_slot(pb::Task& task, const Address& owner);
// r: what an agreeing replica earns.
[[nodiscard]] inline uint64_t reward(const pb::Task& task, const pb::Slot& slot) {
    return task.work_units() * slot.price();  // quote() bounds the product at the price ceiling
}

}  // namespace assay::contracts
