// The life of a task between its transactions: timed edges, commit and reveal windows, the tally.
//
// Functions change `job` and `task` in place; the caller saves both (save_task, store.put).
// Threads: those of the context. Errors: none; every edge goes through set_state().
#pragma once

#include "contracts/context.h"

namespace assay::contracts {

// A commit arrived, or a slot fell out: freezes the commit set once nothing is awaited.
void settle_commits(Context& context, pb::Job& job, pb::Task& task);
// A reveal arrived: tallies once all committed slots have revealed.
void settle_reveals(Context& context, pb::Job& job, pb::Task& task);
// An offer was declined or left unanswered: another operator is sought.
void open_vacancy(Context& context, pb::Task& task);

// Fires the edges whose time has come. False if none had.
[[nodiscard]] bool run_timed_edges(Context& context, pb::Job& job, pb::Task& task);
// All tasks whose time has come, in order of that time, at most kMaxTimedEdgesPerBlock.
void run_due_tasks(Context& context);

}  // namespace assay::contracts
