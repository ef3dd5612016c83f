// The AVX2 kernels. This file alone is built with -mavx2 (never -mfma) and is entered only where
// the machine has it.
#include "compute/kernels/kernel_table.h"

#if defined(__AVX2__)

#include "compute/kernels/make_table.h"
#include "compute/kernels/pack_avx2.h"
#include "compute/kernels/tile_avx2.h"

namespace assay::compute {

const KernelTable* avx2_kernels() {
    static constexpr KernelTable kTable =
        make_table<Avx2Lanes>({kRows, kCols, kGroupRows, pack_avx2, tile_avx2});
    return __builtin_cpu_supports("avx2") != 0 ? &kTable : nullptr;
}

}  // namespace assay::compute

#else

namespace assay::compute {
const KernelTable* avx2_kernels() {
    return nullptr;
}
}  // namespace assay::compute

#endif
