// Built with the flags of the AVX-512 table, entered only where the machine has them.
#include "tests/compute/plain_tiles.h"

#if defined(__AVX512VNNI__)

#include "compute/kernels/digits_avx512.h"
#include "compute/kernels/make_table.h"
#include "compute/kernels/pack_avx512.h"
#include "compute/kernels/tile_digits.h"
#include "compute/kernels/vectors_avx512.h"
#include "tests/compute/plain_units.h"

namespace assay::compute {

const KernelTable* avx512_digit_kernels() {
    static constexpr KernelTable kTable =
        make_table<Avx512Lanes, DigitTile<PlainTiles, Avx512Vectors>>(
            PackDigits<pack_avx512, Avx512Digits>::pack);
    return avx512vnni_kernels() != nullptr ? &kTable : nullptr;
}

}  // namespace assay::compute

#else

namespace assay::compute {
const KernelTable* avx512_digit_kernels() {
    return nullptr;
}
}  // namespace assay::compute

#endif
