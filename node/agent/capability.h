// A provider's capability: what it measured with the real kernels, as the ledger records it.
//
// Free function; takes a few seconds of the machine. Errors: those of the backend and of a training
// step.
#pragma once

#include "base/result.h"
#include "compute/kernels/backend.h"
#include "contracts.pb.h"

namespace assay::node {

// score: milli work units (10^9 MACs) per second of one slot, from the median training step.
Result<pb::ScoreSample> measure_capability(const compute::BackendOptions& options);

}  // namespace assay::node
