// A provider's capability: what it measured with the real kernels, as the ledger records it.
//
// Free function; takes a few seconds of the machine. Errors: those of the backend and of a training
// step.
#pragma once

#include "base/result.h"
#include "compute/kernels/backend.h"
#include "compute/train/measure.h"
#include "contracts.pb.h"

namespace assay::node {

// What the machine can give now; 0 when it does not say.
uint64_t available_memory_mb();
// score: milli work units (10^9 MACs) per second, on the mix of reference shapes.
pb::ScoreSample score_sample(const compute::Measurement& measured, const compute::Backend& backend);
Result<pb::ScoreSample> measure_capability(const compute::BackendOptions& options);

}  // namespace assay::node
