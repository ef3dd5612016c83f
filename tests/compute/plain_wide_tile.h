// The tile of the AVX-512 VNNI kernels with plain loops in place of its instructions, so that its
// indexing, widening and rounding are tested on any machine. Threads: any. Errors: none.
#pragma once

#include "compute/kernels/kernel_table.h"

namespace assay::compute {

// All but the tile as in the avx2 table where the build and the machine have it.
const KernelTable& plain_wide_kernels();

}  // namespace assay::compute
