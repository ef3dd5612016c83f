// Evaluation: the loss of a model on data it may not have seen, deterministic.
//
// gpt: windows of `context` tokens one after the other (none overlap), each token but the first of
// a window's target given all before it in the window; mlp: the samples in order. The mean is over
// whole batches of kEvaluateBatch; what does not fill a batch is left out. Plain function. Errors:
// kInvalidArgument when the data do not fit the model or fill no batch; kFault.
#pragma once

#include "compute/data/dataset.h"
#include "compute/kernels/backend.h"
#include "compute/models/config.h"
#include "compute/models/state.h"

namespace assay::compute {

inline constexpr uint32_t kEvaluateBatch = 8;

struct Evaluation {
    double loss = 0;  // nats a prediction
    uint64_t predictions = 0;
    uint64_t correct = 0;  // the likeliest class or token was the right one
};

// At most `limit` batches (0: all).
Result<Evaluation> evaluate(const ModelConfig& model, ModelState& state, const Dataset& data,
                            uint32_t slices, uint64_t limit, Backend& backend);

}  // namespace assay::compute
