#include "contracts/jobs.h"

#include <algorithm>

#include "contracts/bank.h"
#include "contracts/commitment.h"
#include "contracts/job_spec.h"
#include "contracts/limits.h"
#include "contracts/payload_checks.h"
#include "contracts/settlement.h"
#include "contracts/task_store.h"

namespace assay::contracts {
namespace {

std::string raw_of(const Hash256& hash) {
    return std::string(text_of(hash.view()));
}

void open_task(Context& context, pb::Job& job, pb::TaskKind kind, uint32_t shard,
               std::vector<pb::ArtifactRef> inputs) {
    pb::Task task;
    task.set_id(raw_of(task_id(view_of(job.id()), kind, job.round(), shard)));
    task.set_job_id(job.id());
    task.set_kind(kind);
    task.set_round(job.round());
    task.set_shard(shard);
    set_state(task, pb::TASK_POSTED);
    task.set_work_units(kind == pb::TASK_TRAIN ? job.train_work() : job.aggregate_work());
    task.set_replicas(job.spec().terms().replicas());
    for (pb::ArtifactRef& input : inputs) *task.add_inputs() = std::move(input);
    task.set_posted_ms(context.now());
    task.set_posted_height(context.block.height);
    task.set_expires_ms(job.posted_ms() + job.spec().terms().deadline_ms());
    task.set_vacancies(task.replicas());
    task.set_vacant_ms(context.now());
    task.set_vacant_height(context.block.height);
    save_task(context, job, task);
    context.store.state().put(
        keys::job_task(view_of(job.id()), job.round(), static_cast<uint32_t>(kind), shard),
        bytes_of(task.id()));
    job.add_open_tasks(task.id());
    context.emit("task.posted", {{"task", hex_text(task.id())},
                                 {"job", hex_text(job.id())},
                                 {"kind", kind == pb::TASK_TRAIN ? "train" : "aggregate"},
                                 {"round", decimal(task.round())},
                                 {"shard", decimal(shard)},
                                 {"work_units", decimal(task.work_units())}});
}

void open_round(Context& context, pb::Job& job) {
    const pb::ArtifactRef checkpoint = job.checkpoints(static_cast<int>(job.round()));
    for (uint32_t shard = 0; shard < job.spec().plan().shards(); ++shard)
        open_task(context, job, pb::TASK_TRAIN, shard, {checkpoint});
}

void accept_checkpoint(Context& context, pb::Job& job, const pb::Task& task) {
    *job.add_checkpoints() = task.output();
    const auto round = static_cast<uint32_t>(job.checkpoints_size() - 1);
    context.emit("job.checkpoint", {{"job", hex_text(job.id())},
                                    {"round", decimal(round)},
                                    {"root", hex_text(task.output().root())},
                                    {"size", decimal(task.output().size())},
                                    {"task", hex_text(task.id())}});
    if (round == job.spec().plan().rounds()) return;  // the last one; DONE once all tasks are final
    job.set_round(round);
    open_round(context, job);
}

bool has_valid_result(const pb::Task& task) {
    return (task.state() == pb::TASK_TALLIED || task.state() == pb::TASK_FINAL) && !task.diverged();
}

// The round's shard outputs in shard order; empty while one is missing.
std::vector<pb::ArtifactRef> shard_outputs(Context& context, const pb::Job& job) {
    std::vector<pb::ArtifactRef> outputs;
    for (uint32_t shard = 0; shard < job.spec().plan().shards(); ++shard) {
        const auto id = task_id(view_of(job.id()), pb::TASK_TRAIN, job.round(), shard);
        const auto task = context.store.task(id.view());
        if (!task || !has_valid_result(*task)) return {};
        outputs.push_back(task->output());
    }
    return outputs;
}

bool has_commit(const pb::Task& task) {
    return task.state() != pb::TASK_TALLIED &&
           (count_slots(task, pb::SLOT_COMMITTED) > 0 || count_slots(task, pb::SLOT_REVEALED) > 0);
}

void remove_open_task(pb::Job& job, std::string_view id) {
    auto& open = *job.mutable_open_tasks();
    open.erase(std::remove(open.begin(), open.end(), id), open.end());
}

std::string_view end_event(pb::JobState end) {
    if (end == pb::JOB_DONE) return "job.done";
    return end == pb::JOB_CANCELLED ? "job.cancelled" : "job.failed";
}

}  // namespace

Status JobPostRule::preflight(const pb::JobPost& message, uint32_t version) {
    ASSAY_RETURN_IF_ERROR(check_amount("escrow", message.escrow()));
    return validate_job(message.spec(), version);
}

TxCode JobPostRule::apply(Context& context, const pb::JobPost& message) {
    const auto quoted = quote(message.spec(), context.params);
    if (!quoted.ok()) return TxCode::kInfeasible;
    if (message.escrow() < quoted->max_escrow) return TxCode::kEscrowTooSmall;
    if (!debit(context.store, context.sender, message.escrow())) return TxCode::kInsufficientFunds;
    add_totals(context.store, {.escrowed = static_cast<int64_t>(message.escrow())});
    pb::Job job;
    job.set_id(raw_of(job_id(context.block.chain_id, context.sender, context.nonce)));
    job.set_requester(to_raw(context.sender));
    *job.mutable_spec() = message.spec();
    job.set_state(pb::JOB_RUNNING);
    job.set_escrow(message.escrow());
    job.set_posted_ms(context.now());
    job.set_train_work(quoted->train_work);
    job.set_aggregate_work(quoted->aggregate_work);
    job.set_memory_mb(quoted->memory_mb);
    job.set_tasks_total(static_cast<uint32_t>(quoted->tasks()));
    // Adapters start from the seed; `initial` is the model under them.
    auto& start = *job.add_checkpoints();
    if (message.spec().model().lora_rank() == 0) start = message.spec().initial();
    context.emit("job.posted", {{"job", hex_text(job.id())},
                                {"requester", hex_text(context.sender)},
                                {"name", message.spec().name()},
                                {"escrow", decimal(message.escrow())},
                                {"tasks", decimal(quoted->tasks())},
                                {"work_units", decimal(quoted->work_units)}});
    open_round(context, job);
    context.store.put(job);
    return TxCode::kOk;
}

Status JobCancelRule::preflight(const pb::JobCancel& message) {
    return check_hash("job_id", message.job_id());
}

TxCode JobCancelRule::apply(Context& context, const pb::JobCancel& message) {
    auto job = context.store.job(view_of(message.job_id()));
    if (!job) return TxCode::kNotFound;
    if (job->requester() != to_raw(context.sender)) return TxCode::kNotAllowed;
    if (job->state() != pb::JOB_RUNNING) return TxCode::kWrongState;
    for (const std::string& id : job->open_tasks())
        if (has_commit(*context.store.task(view_of(id)))) return TxCode::kWrongState;
    end_job(context, *job, pb::JOB_CANCELLED, "cancelled by the requester");
    context.store.put(*job);
    return TxCode::kOk;
}

Status JobTopUpRule::preflight(const pb::JobTopUp& message) {
    ASSAY_RETURN_IF_ERROR(check_amount("amount", message.amount()));
    return check_hash("job_id", message.job_id());
}

TxCode JobTopUpRule::apply(Context& context, const pb::JobTopUp& message) {
    auto job = context.store.job(view_of(message.job_id()));
    if (!job) return TxCode::kNotFound;
    if (job->requester() != to_raw(context.sender)) return TxCode::kNotAllowed;
    if (job->state() != pb::JOB_RUNNING) return TxCode::kWrongState;
    if (!debit(context.store, context.sender, message.amount())) return TxCode::kInsufficientFunds;
    add_totals(context.store, {.escrowed = static_cast<int64_t>(message.amount())});
    job->set_escrow(job->escrow() + message.amount());
    context.store.put(*job);
    context.emit("job.topped_up", {{"job", hex_text(job->id())},
                                   {"amount", decimal(message.amount())},
                                   {"escrow", decimal(job->escrow())}});
    return TxCode::kOk;
}

void advance_job(Context& context, pb::Job& job, const pb::Task& task) {
    if (task.diverged()) return;  // nothing can depend on it; the job fails when it is final
    if (task.kind() == pb::TASK_AGGREGATE || !needs_aggregation(job.spec().plan()))
        return accept_checkpoint(context, job, task);
    std::vector<pb::ArtifactRef> inputs = shard_outputs(context, job);
    if (inputs.empty()) return;
    inputs.insert(inputs.begin(), job.checkpoints(static_cast<int>(job.round())));
    open_task(context, job, pb::TASK_AGGREGATE, 0, std::move(inputs));
}

void close_final_task(Context& context, pb::Job& job, const pb::Task& task) {
    remove_open_task(job, task.id());
    job.set_tasks_final(job.tasks_final() + 1);
    if (task.diverged()) {
        end_job(context, job, pb::JOB_FAILED,
                "diverged in round " + decimal(task.round()) + " at step " +
                    decimal(task.fault_step()));
    } else if (job.open_tasks().empty()) {
        end_job(context, job, pb::JOB_DONE, "");
    }
}

void end_job(Context& context, pb::Job& job, pb::JobState end, std::string_view reason) {
    const auto open = job.open_tasks();
    job.clear_open_tasks();
    for (const std::string& id : open) {
        pb::Task task = *context.store.task(view_of(id));
        if (task.state() == pb::TASK_TALLIED) {
            settle_task(context, job, task);
            job.set_tasks_final(job.tasks_final() + 1);
        } else {
            cancel_task(context, job, task);
        }
        save_task(context, job, task);
    }
    refund_escrow(context, job);
    job.set_state(end);
    job.set_reason(std::string(reason));
    job.set_finished_ms(context.now());
    const std::string result = end == pb::JOB_DONE
                                   ? hex_text(job.checkpoints(job.checkpoints_size() - 1).root())
                                   : std::string();
    context.emit(end_event(end), {{"job", hex_text(job.id())},
                                  {"reason", job.reason()},
                                  {"result", result},
                                  {"spent", decimal(job.spent())}});
}

void fail_job(Context& context, pb::Job& job, const pb::Task& task, std::string_view reason) {
    remove_open_task(job, task.id());
    end_job(context, job, pb::JOB_FAILED, reason);
}

}  // namespace assay::contracts
