// Whether a backend's products have the bits of the portable ones. Asked once before kernels are
// used that not every test machine could run.
//
// Threads: as Backend. Errors: a backend that faults does not agree.
#pragma once

#include "compute/kernels/backend.h"

namespace assay::compute {

// Products of every kind and number of slices, with remainders for every tile.
bool products_agree(Backend& tried);

}  // namespace assay::compute
