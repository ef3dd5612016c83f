#include "node/audit/votes.h"

#include "base/bytes.h"
#include "contracts/queries.h"

namespace assay::node {
namespace {

constexpr size_t kPageSize = 200;

bool same_result(const pb::Slot& slot, const pb::Task& task) {
    if (slot.diverged() || task.diverged()) {
        return slot.diverged() && task.diverged() && slot.fault_step() == task.fault_step();
    }
    return slot.output().root() == task.output().root() &&
           slot.output().size() == task.output().size() &&
           slot.trace().root() == task.trace().root();
}

bool has_revealed(const pb::Slot& slot) {
    return slot.state() == pb::SLOT_REVEALED || slot.state() == pb::SLOT_AGREED ||
           slot.state() == pb::SLOT_DISSENT;
}

Error bad(const pb::Task& task, const std::string& what) {
    return fail(Code::kCorrupt, "task " + to_hex(view_of(task.id())) + ": " + what);
}

}  // namespace

Status check_task_votes(const pb::Task& task) {
    if (task.state() != pb::TASK_FINAL) return {};
    uint32_t agreeing = 0;
    for (int i = 0; i < task.slots_size(); ++i) {
        const auto& slot = task.slots(i);
        const auto name =
            "slots[" + std::to_string(i) + "] of " + to_hex(view_of(slot.operator_()));
        if (!has_revealed(slot)) {
            if (slot.paid() > 0) return bad(task, name + ".paid: paid without a revealed result");
            continue;
        }
        const bool agrees = same_result(slot, task);
        if (agrees) agreeing += 1;
        if (agrees != (slot.state() == pb::SLOT_AGREED)) {
            return bad(task, name + ".state: its vote was not counted as what it is");
        }
        if (agrees && slot.paid() != slot.price() * task.work_units()) {
            return bad(task,
                       name + ".paid: " + std::to_string(slot.paid()) + " is not price x work");
        }
        if (!agrees && (slot.paid() > 0 || slot.slashed() == 0)) {
            return bad(task, name + ".paid: a dissenting result was paid or not slashed");
        }
    }
    if (2 * agreeing <= task.replicas()) {
        return bad(task, "output: accepted with " + std::to_string(agreeing) + " of " +
                             std::to_string(task.replicas()) + " votes, no strict majority");
    }
    return {};
}

Status check_votes(const ledger::ReadView& state) {
    Bytes job_cursor;
    do {
        const auto jobs = contracts::list_jobs(state, {}, kPageSize, job_cursor);
        for (const auto& job : jobs.items) {
            Bytes task_cursor;
            do {
                const auto tasks =
                    contracts::list_tasks(state, view_of(job.id()), kPageSize, task_cursor);
                for (const auto& task : tasks.items) ASSAY_RETURN_IF_ERROR(check_task_votes(task));
                task_cursor = tasks.next;
            } while (!task_cursor.empty());
        }
        job_cursor = jobs.next;
    } while (!job_cursor.empty());
    return {};
}

}  // namespace assay::node
