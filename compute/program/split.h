// Split: which operations of a training step talk when its batch lies on several devices.
//
// Every device runs the same list for its own sequences: inputs are split by rows; parameters,
// moments, frozen weights and constants are whole on each. What is computed row by row stays split
// and local; what reduces over rows (gradients of weights, gains and biases, scatter sums, the
// loss) is joined and comes out whole, the same on all; what follows on whole tensors, the
// optimiser too, is done by each. Plain function; thread-safe. Errors: kUnsupported names the
// operation that fits none of these.
#pragma once

#include <vector>

#include "compute/program/program.h"

namespace assay::compute {

// Whether each operation is joined (Backend::join_rows).
Result<std::vector<bool>> joined_operations(const Program& program);

}  // namespace assay::compute
