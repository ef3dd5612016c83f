#include "compute/train/task.h"

#include <string>

#include "compute/checkpoint/checkpoint.h"
#include "compute/train/round_start.h"
#include "compute/train/trace.h"
#include "compute/train/trainer.h"

namespace assay::compute {
Status run_train_task(const JobConfig& job, uint32_t round, uint32_t shard,
                      const TaskInputs& inputs, const TaskPaths& outputs, const TaskRun& run) {
    ASSAY_RETURN_IF_ERROR(check_round(job, round));
    if (run.backend == nullptr) return fail(Code::kInvalidArgument, "a task needs a backend");
    ASSAY_ASSIGN(const Dataset data, Dataset::open(inputs.data));
    ASSAY_ASSIGN(ModelState state, round_start(job, round, inputs.checkpoint));
    state.outer.clear();  // belongs to the aggregation
    ASSAY_RETURN_IF_ERROR(load_frozen(inputs.base, job.model, state));
    ASSAY_ASSIGN(
        const std::unique_ptr<Trainer> trainer,
        Trainer::create(job, data, shard, *run.backend, std::move(state), run.memory_bytes));
    Trace trace;
    trace.first_step = uint64_t{round} * job.plan.local_steps;
    for (uint64_t local = 0; local < job.plan.local_steps; ++local) {
        if (run.stop != nullptr && run.stop->load())
            return fail(Code::kUnavailable, "stopped before local step " + std::to_string(local));
        const uint64_t step = trace.first_step + local;
        ASSAY_ASSIGN(const StepResult result, trainer->step(step));
        trace.steps.push_back({result.loss, result.grad_norm});
        if (run.on_step)
            run.on_step({step, local, job.plan.local_steps, result.loss, result.grad_norm});
    }
    ASSAY_RETURN_IF_ERROR(write_file(outputs.trace, encode(trace)));
    const Progress progress{round + 1, trace.first_step + job.plan.local_steps};
    ASSAY_ASSIGN(const ModelState* end, trainer->state());
    return save_checkpoint(outputs.output, job.model, *end, progress);
}

}  // namespace assay::compute
