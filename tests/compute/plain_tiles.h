// The tiles of the AVX-512 VNNI and AMX kernels with plain loops in place of their instructions, so
// that their packing, indexing, widening and rounding are tested on any machine. Threads: any.
// Errors: none.
#pragma once

#include "compute/kernels/kernel_table.h"

namespace assay::compute {

// All but the tile as in the avx2 table where the build and the machine have it.
const KernelTable& plain_wide_kernels();   // avx512vnni
const KernelTable& plain_digit_kernels();  // amx
// amx with all but the tiles' own instructions in AVX-512; null where the machine has none.
const KernelTable* avx512_digit_kernels();

}  // namespace assay::compute
