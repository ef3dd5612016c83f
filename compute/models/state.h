// ModelState: the numbers of a model in training: parameters, AdamW moments, outer momentum.
//
// Vectors are indexed like parameter_specs(model), `frozen` like those of the base. Ownership:
// plain values. Threads: none inside. Errors: kOutOfMemory with the bytes needed.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "compute/models/config.h"
#include "compute/program/split_executor.h"

namespace assay::compute {

struct ModelState {
    std::vector<std::vector<float>> value, m, v;
    std::vector<std::vector<float>> outer;   // empty unless the plan has an outer momentum
    std::vector<std::vector<float>> frozen;  // the base's parameters where adapters are trained
};

// Zeros of the right sizes.
Result<ModelState> empty_state(const ModelConfig& model);
// Parameters from the seed (docs/arithmetic.md), moments zero.
Result<ModelState> initial_state(const ModelConfig& model, uint64_t seed);
// Parameters, moments where the program trains, and frozen weights become the executor's buffers.
void bind_state(Executor& executor, const Program& program, ModelState& state);
// The same on every device.
void bind_state(SplitExecutor& executor, ModelState& state);

}  // namespace assay::compute
