#include "tests/compute/plain_tiles.h"

#include "compute/kernels/make_table.h"
#include "compute/kernels/pack_kernels.h"
#include "compute/kernels/tile_digits.h"
#include "compute/kernels/tile_wide.h"
#include "tests/compute/plain_units.h"
#if defined(__AVX2__)
#include "compute/kernels/pack_avx2.h"
#endif

namespace assay::compute {
namespace {

using Wide = WideTile<PlainVectors>;
using Digits = DigitTile<PlainTiles, PlainVectors>;

constexpr auto kPlainPack = PackKernels<ScalarLanes>::pack;

}  // namespace

const KernelTable& plain_wide_kernels() {
    static constexpr KernelTable kPlain = make_table<ScalarLanes, Wide>(kPlainPack);
#if defined(__AVX2__)
    static constexpr KernelTable kPacked = make_table<Avx2Lanes, Wide>(pack_avx2);
    if (__builtin_cpu_supports("avx2") != 0) return kPacked;
#endif
    return kPlain;
}

const KernelTable& plain_digit_kernels() {
    static constexpr KernelTable kPlain =
        make_table<ScalarLanes, Digits>(PackDigits<kPlainPack, PlainDigits>::pack);
#if defined(__AVX2__)
    static constexpr KernelTable kPacked =
        make_table<Avx2Lanes, Digits>(PackDigits<pack_avx2, PlainDigits>::pack);
    if (__builtin_cpu_supports("avx2") != 0) return kPacked;
#endif
    return kPlain;
}

}  // namespace assay::compute
