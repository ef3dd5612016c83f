// The AVX-512 VNNI kernels. This file alone is built with those flags (never -mfma) and is entered
// only where the machine has them.
#include "compute/kernels/kernel_table.h"

#if defined(__AVX512VNNI__)

#include "compute/kernels/make_table.h"
#include "compute/kernels/pack_avx512.h"
#include "compute/kernels/tile_wide.h"
#include "compute/kernels/vectors_avx512.h"

namespace assay::compute {

const KernelTable* avx512vnni_kernels() {
    static constexpr KernelTable kTable =
        make_table<Avx512Lanes, WideTile<Avx512Vectors>>(pack_avx512);
    const bool here =
        __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("avx512f") != 0 &&
        __builtin_cpu_supports("avx512bw") != 0 && __builtin_cpu_supports("avx512dq") != 0 &&
        __builtin_cpu_supports("avx512vl") != 0 && __builtin_cpu_supports("avx512vnni") != 0;
    return here ? &kTable : nullptr;
}

}  // namespace assay::compute

#else

namespace assay::compute {
const KernelTable* avx512vnni_kernels() {
    return nullptr;
}
}  // namespace assay::compute

#endif
