// One task of a job, as a provider runs it and an auditor re-runs it: inputs to output, same bits
// anywhere.
//
// TRAIN: `local_steps` steps of the job's model on one data shard from a checkpoint.
// AGGREGATE: exact mean of the shards' parameter deltas, optional outer Nesterov step, moments
// averaged. Inputs and outputs are files: safetensors checkpoints and raw data; a trace holds
// per-step figures. Errors: kFault with the step when the arithmetic diverges; kCorrupt for
// malformed inputs.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>

#include "compute/kernels/backend.h"
#include "compute/models/config.h"

namespace assay::compute {

struct TaskInputs {
    std::filesystem::path checkpoint;  // empty: initial weights from the seed (round 0)
    std::filesystem::path data;        // TRAIN only
    std::filesystem::path base;        // TRAIN of adapters: the weights that stay
    std::vector<std::filesystem::path> shard_outputs;  // AGGREGATE only, in shard order
};

struct TaskPaths {
    std::filesystem::path output;  // checkpoint, safetensors
    std::filesystem::path trace;
};

struct StepReport {
    uint64_t step;  // global, from 0
    uint64_t local_step, local_steps;
    float loss;
    float grad_norm;
};

struct TaskRun {
    Backend* backend = nullptr;
    std::function<void(const StepReport&)> on_step;  // may be empty
    const std::atomic<bool>* stop = nullptr;  // set: leave with kUnavailable at the next step
    uint64_t memory_bytes = 0;                // as Trainer::create; 0: no limit
};

Status run_train_task(const JobConfig& job, uint32_t round, uint32_t shard,
                      const TaskInputs& inputs, const TaskPaths& outputs, const TaskRun& run);
Status run_aggregate_task(const JobConfig& job, uint32_t round, const TaskInputs& inputs,
                          const TaskPaths& outputs, const TaskRun& run);

struct Trace {
    struct Step {
        float loss;
        float grad_norm;
    };
    uint64_t first_step = 0;
    std::vector<Step> steps;
};
Result<Trace> read_trace(const std::filesystem::path& file);

}  // namespace assay::compute
