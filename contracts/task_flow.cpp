#include "contracts/task_flow.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "contracts/deadlines.h"
#include "contracts/jobs.h"
#include "contracts/limits.h"
#include "contracts/providers.h"
#include "contracts/reputation.h"
#include "contracts/settlement.h"
#include "contracts/stake.h"
#include "contracts/task_store.h"

namespace assay::contracts {
namespace {

void seek_operators(Context& context, pb::Task& task, uint32_t vacancies) {
    task.set_vacancies(vacancies);
    task.set_vacant_ms(context.now());
    task.set_vacant_height(context.block.height);
}

// What two replicas must agree on, sizes included: a wrong size is a wrong result.
using Vote = std::tuple<std::string, uint64_t, std::string, uint64_t, bool, uint32_t>;

Vote vote_of(const pb::Slot& slot) {
    return {slot.output().root(), slot.output().size(), slot.trace().root(),
            slot.trace().size(),  slot.diverged(),      slot.fault_step()};
}

// Lifted if a dispute finds otherwise.
void jail_loser(Context& context, const pb::Job& job, const pb::Slot& slot) {
    if (!is_closed(job)) jail(context, stored_address(slot.operator_()));
}

void judge_slots(Context& context, const pb::Job& job, pb::Task& task, const Vote& winner) {
    for (pb::Slot& slot : *task.mutable_slots()) {
        if (is_withheld(slot)) jail_loser(context, job, slot);
        if (slot.state() != pb::SLOT_REVEALED) continue;
        const bool agrees = vote_of(slot) == winner;
        judge_slot(context, slot, agrees ? pb::SLOT_AGREED : pb::SLOT_DISSENT);
        if (agrees) {
            *task.mutable_output() = slot.output();
            *task.mutable_trace() = slot.trace();
            task.set_diverged(slot.diverged());
            task.set_fault_step(slot.fault_step());
        } else {
            jail_loser(context, job, slot);
        }
    }
}

void escalate(Context& context, pb::Job& job, pb::Task& task) {
    set_state(task, pb::TASK_ESCALATED);
    if (task.replicas() >= kMaxReplicas) {
        abandon_task(context, job, task, pb::TASK_UNDECIDED);
        save_task(context, job, task);
        fail_job(context, job, task, "undecided: no majority among the replicas of a task");
        return;
    }
    task.set_replicas(task.replicas() + 1);
    extend_expiry(context, job, task, 0);
    seek_operators(context, task, 1);
    context.emit("task.escalated", {{"task", hex_text(task.id())},
                                    {"job", hex_text(task.job_id())},
                                    {"replicas", decimal(task.replicas())}});
}

void tally(Context& context, pb::Job& job, pb::Task& task) {
    std::map<Vote, uint32_t> votes;
    for (const pb::Slot& slot : task.slots())
        if (slot.state() == pb::SLOT_REVEALED) ++votes[vote_of(slot)];
    for (const auto& [vote, count] : votes) {
        if (2 * count <= task.replicas()) continue;
        set_state(task, pb::TASK_TALLIED);
        task.set_phase_due_ms(context.now() + context.params.dispute_ms());
        judge_slots(context, job, task, vote);
        context.emit("task.tallied", {{"task", hex_text(task.id())},
                                      {"job", hex_text(task.job_id())},
                                      {"votes", decimal(count)},
                                      {"replicas", decimal(task.replicas())},
                                      {"output", hex_text(task.output().root())},
                                      {"trace", hex_text(task.trace().root())},
                                      {"diverged", task.diverged() ? "true" : "false"},
                                      {"fault_step", decimal(task.fault_step())}});
        save_task(context, job, task);
        advance_job(context, job, task);
        return;
    }
    escalate(context, job, task);
}

void expire(Context& context, pb::Job& job, pb::Task& task) {
    abandon_task(context, job, task, pb::TASK_EXPIRED);
    save_task(context, job, task);
    fail_job(context, job, task, "expired: a task was not finished in time");
}

void miss_accept(Context& context, pb::Task& task, pb::Slot& slot) {
    const Address owner = stored_address(slot.operator_());
    release_slot(context, task, slot, pb::SLOT_NOT_ACCEPTED);
    if (count_missed_accept(context, owner)) suspend(context, owner, "no_accept");
    context.emit("task.not_accepted", {{"task", hex_text(task.id())},
                                       {"job", hex_text(task.job_id())},
                                       {"operator", hex_text(owner)}});
    open_vacancy(context, task);
}

void miss_commit(Context& context, const pb::Job& job, pb::Task& task, pb::Slot& slot) {
    fine_slot(context, job, task, slot, context.params.no_commit_fine_permille(),
              pb::SLOT_NO_COMMIT);
    const auto occupied = static_cast<uint32_t>(count_occupied(task));
    if (count_slots(task, pb::SLOT_REVEALED) > 0) {
        open_vacancy(context, task);  // an escalation needs its one vote
    } else if (2 * occupied <= task.replicas()) {
        seek_operators(context, task, task.replicas() - occupied);
    }
}

bool run_slot_edges(Context& context, pb::Job& job, pb::Task& task) {
    bool fired = false;
    for (pb::Slot& slot : *task.mutable_slots()) {
        if (slot.due_ms() == 0 || !has_passed(context, slot)) continue;
        if (slot.state() == pb::SLOT_OFFERED) {
            miss_accept(context, task, slot);
        } else if (slot.state() == pb::SLOT_ACCEPTED) {
            miss_commit(context, job, task, slot);
        } else {
            continue;
        }
        fired = true;
    }
    if (can_go_without_substitute(task) &&
        context.now() >= task.vacant_ms() + context.params.accept_ms()) {
        fired = true;
    }
    if (fired) settle_commits(context, job, task);
    return fired;
}

// The slots that have not revealed share one window.
bool is_reveal_over(const Context& context, const pb::Task& task) {
    return std::all_of(task.slots().begin(), task.slots().end(), [&](const pb::Slot& slot) {
        return slot.state() != pb::SLOT_COMMITTED || has_passed(context, slot);
    });
}

void close_reveals(Context& context, pb::Job& job, pb::Task& task) {
    uint32_t silent = 0;
    const bool first_vote = count_slots(task, pb::SLOT_REVEALED) == 0;
    // A reveal keeps its due time until its window closes; earlier votes have none.
    const bool new_reveal =
        std::any_of(task.slots().begin(), task.slots().end(), [](const pb::Slot& slot) {
            return slot.state() == pb::SLOT_REVEALED && slot.due_ms() != 0;
        });
    for (pb::Slot& slot : *task.mutable_slots()) {
        if (slot.state() != pb::SLOT_COMMITTED) continue;
        ++silent;
        if (new_reveal) {
            withhold_slot(context, slot);
        } else {
            fine_slot(context, job, task, slot, context.params.no_reveal_fine_permille(),
                      pb::SLOT_NO_REVEAL);
        }
    }
    if (!new_reveal && silent > 0) {
        set_state(task, pb::TASK_ASSIGNED);
        seek_operators(context, task, first_vote ? task.replicas() : silent);
        return;
    }
    for (pb::Slot& slot : *task.mutable_slots())
        if (slot.state() == pb::SLOT_REVEALED) slot.set_due_ms(0);
    set_state(task, pb::TASK_REVEALED);
    tally(context, job, task);
}

}  // namespace

void open_vacancy(Context& context, pb::Task& task) {
    seek_operators(context, task, task.vacancies() + 1);
}

void settle_commits(Context& context, pb::Job& job, pb::Task& task) {
    if (task.state() != pb::TASK_ASSIGNED) return;
    if (count_occupied(task) == 0) {
        set_state(task, pb::TASK_POSTED);
        seek_operators(context, task, task.replicas());
        task.set_expires_ms(job_deadline(job));
        return;
    }
    if (count_slots(task, pb::SLOT_OFFERED) + count_slots(task, pb::SLOT_ACCEPTED) > 0) return;
    if (can_go_without_substitute(task) &&
        context.now() >= task.vacant_ms() + context.params.accept_ms()) {
        task.set_vacancies(0);
    }
    if (task.vacancies() > 0) return;
    set_state(task, pb::TASK_COMMITTED);
    task.set_phase_due_ms(context.now() + context.params.reveal_ms());
    for (pb::Slot& slot : *task.mutable_slots())
        if (slot.state() == pb::SLOT_COMMITTED) open_window(context, slot, task.phase_due_ms());
    context.emit(
        "task.reveal_open",
        {{"task", hex_text(task.id())},
         {"job", hex_text(task.job_id())},
         {"commits", decimal(static_cast<uint64_t>(count_slots(task, pb::SLOT_COMMITTED)))},
         {"reveal_by_ms", decimal(task.phase_due_ms())}});
}

void settle_reveals(Context& context, pb::Job& job, pb::Task& task) {
    if (count_slots(task, pb::SLOT_COMMITTED) > 0) return;
    close_reveals(context, job, task);
}

bool run_timed_edges(Context& context, pb::Job& job, pb::Task& task) {
    const uint64_t due_ms = next_due_ms(task, context.params);
    if (due_ms == 0 || due_ms > context.now()) return false;
    if (task.state() == pb::TASK_COMMITTED) {
        if (!is_reveal_over(context, task)) return false;
        close_reveals(context, job, task);
    } else if (task.state() == pb::TASK_TALLIED) {
        settle_task(context, job, task);
        close_final_task(context, job, task);
    } else if (has_passed(context, task.expires_ms(), 0, kMinWindowBlocks)) {
        expire(context, job, task);
    } else {
        return run_slot_edges(context, job, task);
    }
    return true;
}

void run_due_tasks(Context& context) {
    std::vector<Bytes> ids;  // a scan must not write
    context.store.view().scan(keys::tagged(keys::Tag::kDue), [&](ByteView key, ByteView) {
        if (read_be64(key.subspan(1)) > context.now()) return false;
        ids.push_back(bytes_of(key.subspan(9)));
        return ids.size() < kMaxTimedEdgesPerBlock;
    });
    for (const Bytes& id : ids) {
        pb::Task task = *context.store.task(id);
        pb::Job job = *context.store.job(view_of(task.job_id()));
        // An earlier task of this list may have ended the job and with it this task.
        if (!run_timed_edges(context, job, task)) continue;
        save_task(context, job, task);
        context.store.put(job);
    }
}

}  // namespace assay::contracts
