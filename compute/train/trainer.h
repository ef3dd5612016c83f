// Trainer: the step loop of one shard of a job: samples, program, learning rate, state.
//
// Where the Backend has peers(), each takes a share of every batch, with the same bits
// (compute/program/split_executor.h). Ownership: owns programs, buffers and state; Dataset and
// Backend must outlive it. Threads: one. Errors: kFault "training diverged at step N" when the
// arithmetic left its domain: the same step on every backend; the state is then unspecified.
#pragma once

#include <memory>

#include "compute/checkpoint/checkpoint.h"
#include "compute/models/state.h"
#include "compute/program/split_executor.h"
#include "compute/train/batch.h"

namespace assay::compute {

struct StepResult {
    float loss = 0;
    float grad_norm = 0;
};

class Trainer {
public:
    // `memory_bytes`: of each device, for activations, gradients and a GPU's scratch; where they do
    // not fit, activations are computed again in the backward pass, and on a device wait in host
    // memory, with the same bits (compute/program/recompute.h, offload.h). 0: no limit.
    // kOutOfMemory, with the bytes needed, when even that does not fit.
    static Result<std::unique_ptr<Trainer>> create(const JobConfig& job, const Dataset& data,
                                                   uint32_t shard, Backend& backend,
                                                   ModelState state, uint64_t memory_bytes = 0);

    // One optimiser step; `step` is the job's global step, from 0 (round * local_steps + local).
    Result<StepResult> step(uint64_t step);
    // Brings the state from the device, where it is there.
    Result<const ModelState*> state();
    // The manifest of a checkpoint of the state as it is now: the state stays where it lies and
    // only hashes leave the backend.
    Result<Manifest> manifest(const Progress& progress);
    // Of the first device's share.
    const Program& program() const { return executor_->program(); }
    size_t devices() const { return executor_->devices(); }

private:
    Trainer(const JobConfig& job, BatchSource source, ModelState state, Backend& backend);
    void bind();

    const JobConfig job_;
    BatchSource source_;
    ModelState state_;
    Backend& backend_;
    std::unique_ptr<SplitExecutor> executor_;
};

// Hyperparameters of optimiser step `step` (global, from 0).
AdamWStep adamw_step(const JobConfig& job, uint64_t step);

}  // namespace assay::compute
