#include "node/audit/recompute.h"

#include "compute/train/task.h"
#include "contracts/job_spec.h"
#include "contracts/queries.h"
#include "node/audit/chunks.h"
#include "node/core/files.h"

namespace assay::node {
namespace {

namespace fs = std::filesystem;

Status bring(const BlobStore& blobs, const pb::ArtifactRef& ref, const fs::path& file) {
    const auto root = hash_from(view_of(ref.root()));
    if (!root) return fail(Code::kCorrupt, "an input has no valid root");
    return blobs.materialise(*root, file);
}

Result<compute::TaskInputs> bring_inputs(const pb::Task& task, const pb::JobSpec& spec,
                                         const BlobStore& blobs, const fs::path& folder) {
    compute::TaskInputs inputs;
    for (int i = 0; i < task.inputs_size(); ++i) {
        if (task.inputs(i).root().empty()) continue;
        const auto file = folder / ("input" + std::to_string(i));
        ASSAY_RETURN_IF_ERROR(bring(blobs, task.inputs(i), file));
        if (i == 0) {
            inputs.checkpoint = file;
        } else {
            inputs.shard_outputs.push_back(file);
        }
    }
    if (task.kind() == pb::TASK_TRAIN) {
        inputs.data = folder / "data";
        ASSAY_RETURN_IF_ERROR(bring(blobs, spec.data(), inputs.data));
        if (spec.model().lora_rank() != 0) {
            inputs.base = folder / "base";
            ASSAY_RETURN_IF_ERROR(bring(blobs, spec.initial(), inputs.base));
        }
    }
    return inputs;
}

// Names the chunk when the store has the manifest of what was accepted.
Status compare(const std::string& field, const compute::Manifest& found,
               const std::string& accepted, const BlobStore& blobs) {
    const auto root = hash_from(view_of(accepted));
    if (root && *root == found.root()) return {};
    std::string why = field + ": recomputed " + to_hex(found.root()) + ", the ledger accepted " +
                      to_hex(view_of(accepted));
    if (!root) return fail(Code::kCorrupt, why);
    if (const auto due = blobs.manifest(*root); due.ok()) {
        if (const auto chunk = first_wrong_chunk(*due, found)) why += "; first at " + *chunk;
    }
    return fail(Code::kCorrupt, why);
}

}  // namespace

Result<RecomputeReport> recompute_task(const ledger::ReadView& state, const pb::Task& task,
                                       const BlobStore& blobs, compute::Backend& backend,
                                       const OnStep& on_step) {
    const auto name = "task " + to_hex(view_of(task.id()));
    const auto job = contracts::get_job(state, view_of(task.job_id()));
    if (!job) return fail(Code::kCorrupt, name + " belongs to no job");
    ASSAY_ASSIGN(const auto config, contracts::to_job_config(job->spec()));
    ASSAY_ASSIGN(const auto folder, ScratchFolder::make({}, "assay-recompute-"));
    ASSAY_ASSIGN(const auto inputs, bring_inputs(task, job->spec(), blobs, folder.path()));
    const compute::TaskPaths outputs{folder.path() / "output", folder.path() / "trace"};
    RecomputeReport report;
    report.task_id = to_hex(view_of(task.id()));
    compute::TaskRun run;
    run.backend = &backend;
    uint32_t steps_done = 0;
    run.on_step = [&](const compute::StepReport& step) {
        steps_done = static_cast<uint32_t>(step.local_step + 1);
        if (on_step) on_step(steps_done, step.local_steps);
    };
    const auto status =
        task.kind() == pb::TASK_AGGREGATE
            ? compute::run_aggregate_task(config, task.round(), inputs, outputs, run)
            : compute::run_train_task(config, task.round(), task.shard(), inputs, outputs, run);
    if (!status.ok() && status.error().code != Code::kFault) {
        return fail(status.error().code, name + ": " + status.error().message);
    }
    report.diverged = !status.ok();
    report.fault_step = report.diverged ? steps_done : 0;
    if (report.diverged != task.diverged() || report.fault_step != task.fault_step()) {
        return fail(Code::kCorrupt, name + ".diverged: recomputed and accepted results differ");
    }
    if (report.diverged) return report;
    ASSAY_ASSIGN(const auto output, compute::manifest_of_file(outputs.output));
    ASSAY_ASSIGN(const auto trace, compute::manifest_of_file(outputs.trace));
    report.output_root = output.root();
    report.trace_root = trace.root();
    ASSAY_RETURN_IF_ERROR(compare(name + ".output", output, task.output().root(), blobs));
    ASSAY_RETURN_IF_ERROR(compare(name + ".trace", trace, task.trace().root(), blobs));
    return report;
}

}  // namespace assay::node
