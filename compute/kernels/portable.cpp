// The portable kernels: one lane, any machine. The reference every other table is tested against.
#include "compute/kernels/make_table.h"
#include "compute/kernels/pack_kernels.h"
#include "compute/kernels/tile_kernels.h"

namespace assay::compute {

const KernelTable& portable_kernels() {
    static constexpr KernelTable kTable =
        make_table<ScalarLanes>({kPlainRows, kPlainCols, kPlainRows, PackKernels<ScalarLanes>::pack,
                                 TileKernels<ScalarLanes>::tile});
    return kTable;
}

}  // namespace assay::compute
