#include "contracts/tasks.h"

#include <algorithm>

#include "contracts/commitment.h"
#include "contracts/deadlines.h"
#include "contracts/limits.h"
#include "contracts/payload_checks.h"
#include "contracts/reputation.h"
#include "contracts/settlement.h"
#include "contracts/task_flow.h"
#include "contracts/task_store.h"

namespace assay::contracts {
namespace {

// The task, its job and the sender's slot in it.
struct Loaded {
    pb::Job job;
    pb::Task task;
    pb::Slot* slot = nullptr;  // into task
};

TxCode load(Context& context, std::string_view task_id, Loaded& out) {
    auto task = context.store.task(view_of(task_id));
    if (!task) return TxCode::kNotFound;
    out.task = *std::move(task);
    out.job = *context.store.job(view_of(out.task.job_id()));
    return TxCode::kOk;
}

// kNotAllowed without a slot; kWrongState or kDeadlinePassed if its window is not open.
TxCode load_slot(Context& context, std::string_view task_id, pb::SlotState expected, Loaded& out) {
    if (const TxCode code = load(context, task_id, out); code != TxCode::kOk) return code;
    out.slot = find_slot(out.task, context.sender);
    if (out.slot == nullptr) return TxCode::kNotAllowed;
    if (out.slot->state() != expected) return TxCode::kWrongState;
    if (out.slot->due_ms() != 0 && has_passed(context, *out.slot)) return TxCode::kDeadlinePassed;
    return TxCode::kOk;
}

void save(Context& context, Loaded& loaded) {
    save_task(context, loaded.job, loaded.task);
    context.store.put(loaded.job);
}

ledger::EventAttributes slot_attributes(Context& context, const Loaded& loaded) {
    return {{"task", hex_text(loaded.task.id())},
            {"job", hex_text(loaded.task.job_id())},
            {"operator", hex_text(context.sender)}};
}

}  // namespace

uint64_t commit_window_ms(uint64_t t_ref_ms, const pb::Params& params) {
    return std::max(3 * t_ref_ms, t_ref_ms + params.commit_floor_ms());
}

Status TaskAcceptRule::preflight(const pb::TaskAccept& message) {
    return check_hash("task_id", message.task_id());
}

TxCode TaskAcceptRule::apply(Context& context, const pb::TaskAccept& message) {
    Loaded loaded;
    const TxCode code = load_slot(context, message.task_id(), pb::SLOT_OFFERED, loaded);
    if (code != TxCode::kOk) return code;
    pb::Slot& slot = *loaded.slot;
    slot.set_state(pb::SLOT_ACCEPTED);
    slot.set_accepted_ms(context.now());
    open_window(context, slot, context.now() + commit_window_ms(slot.t_ref_ms(), context.params));
    count_accept(context, context.sender);
    auto attributes = slot_attributes(context, loaded);
    attributes.emplace_back("commit_by_ms", decimal(slot.due_ms()));
    context.emit("task.accepted", std::move(attributes));
    save(context, loaded);
    return TxCode::kOk;
}

Status TaskDeclineRule::preflight(const pb::TaskDecline& message) {
    return check_hash("task_id", message.task_id());
}

TxCode TaskDeclineRule::apply(Context& context, const pb::TaskDecline& message) {
    Loaded loaded;
    const TxCode code = load_slot(context, message.task_id(), pb::SLOT_OFFERED, loaded);
    if (code != TxCode::kOk) return code;
    release_slot(context, loaded.task, *loaded.slot, pb::SLOT_DECLINED);
    count_accept(context, context.sender);  // it did answer
    count_decline(context, context.sender);
    context.emit("task.declined", slot_attributes(context, loaded));
    open_vacancy(context, loaded.task);
    settle_commits(context, loaded.job, loaded.task);
    save(context, loaded);
    return TxCode::kOk;
}

Status TaskCommitRule::preflight(const pb::TaskCommit& message) {
    ASSAY_RETURN_IF_ERROR(check_hash("task_id", message.task_id()));
    return check_hash("commitment", message.commitment());
}

TxCode TaskCommitRule::apply(Context& context, const pb::TaskCommit& message) {
    Loaded loaded;
    const TxCode code = load_slot(context, message.task_id(), pb::SLOT_ACCEPTED, loaded);
    if (code != TxCode::kOk) return code;
    for (const pb::Slot& other : loaded.task.slots())
        if (other.commitment() == message.commitment()) return TxCode::kCommitmentCopied;
    loaded.slot->set_state(pb::SLOT_COMMITTED);
    loaded.slot->set_commitment(message.commitment());
    loaded.slot->set_due_ms(0);
    auto attributes = slot_attributes(context, loaded);
    attributes.emplace_back("commitment", hex_text(message.commitment()));
    context.emit("task.committed", std::move(attributes));
    settle_commits(context, loaded.job, loaded.task);
    save(context, loaded);
    return TxCode::kOk;
}

Status TaskRevealRule::preflight(const pb::TaskReveal& message) {
    ASSAY_RETURN_IF_ERROR(check_hash("task_id", message.task_id()));
    ASSAY_RETURN_IF_ERROR(check_size("salt", message.salt(), kSaltBytes));
    if (message.diverged()) {
        if (!message.has_output() && !message.has_trace()) return {};
        return fail(Code::kInvalidArgument,
                    "output and trace must be absent from a result that diverged");
    }
    ASSAY_RETURN_IF_ERROR(check_artifact("output", message.output()));
    ASSAY_RETURN_IF_ERROR(check_artifact("trace", message.trace()));
    return check_range("fault_step", message.fault_step(), 0, 0);
}

TxCode TaskRevealRule::apply(Context& context, const pb::TaskReveal& message) {
    Loaded loaded;
    TxCode code = load_slot(context, message.task_id(), pb::SLOT_COMMITTED, loaded);
    if (code != TxCode::kOk) return code;
    if (loaded.task.state() != pb::TASK_COMMITTED) return TxCode::kWrongState;
    const TaskResult result = result_of(message);
    const Hash256 expected = commitment(context.block.chain_id, view_of(loaded.task.id()),
                                        context.sender, result, view_of(message.salt()));
    if (text_of(expected.view()) != loaded.slot->commitment()) return TxCode::kCommitmentMismatch;
    loaded.slot->set_state(pb::SLOT_REVEALED);
    if (message.has_output()) *loaded.slot->mutable_output() = result.output;
    if (message.has_trace()) *loaded.slot->mutable_trace() = result.trace;
    loaded.slot->set_diverged(result.diverged);
    loaded.slot->set_fault_step(result.fault_step);
    auto attributes = slot_attributes(context, loaded);
    attributes.emplace_back("output", hex_text(result.output.root()));
    attributes.emplace_back("trace", hex_text(result.trace.root()));
    attributes.emplace_back("diverged", result.diverged ? "true" : "false");
    context.emit("task.revealed", std::move(attributes));
    settle_reveals(context, loaded.job, loaded.task);
    save(context, loaded);
    return TxCode::kOk;
}

Status TaskCrankRule::preflight(const pb::TaskCrank& message) {
    return check_hash("task_id", message.task_id());
}

TxCode TaskCrankRule::apply(Context& context, const pb::TaskCrank& message) {
    Loaded loaded;
    const TxCode code = load(context, message.task_id(), loaded);
    if (code != TxCode::kOk) return code;
    if (!run_timed_edges(context, loaded.job, loaded.task)) return TxCode::kWrongState;
    save(context, loaded);
    return TxCode::kOk;
}

}  // namespace assay::contracts
