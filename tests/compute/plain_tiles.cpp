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

template <class L, Bits (*kPack)(const PackJob&)>
constexpr KernelTable wide_table() {
    return make_table<L>(
        {Wide::kRows, Wide::kCols, Wide::kGroupRows, kPack, Wide::tile, Wide::kDepthBlock});
}
template <class L, Bits (*kPack)(const PackJob&)>
constexpr KernelTable digit_table() {
    return make_table<L>({Digits::kRows, Digits::kCols, Digits::kGroupRows,
                          PackDigits<kPack, PlainDigits>::pack, Digits::tile, Digits::kDepthBlock},
                         Digits::units);
}

constexpr auto kPlainPack = PackKernels<ScalarLanes>::pack;

}  // namespace

const KernelTable& plain_wide_kernels() {
    static constexpr KernelTable kPlain = wide_table<ScalarLanes, kPlainPack>();
#if defined(__AVX2__)
    static constexpr KernelTable kPacked = wide_table<Avx2Lanes, pack_avx2>();
    if (__builtin_cpu_supports("avx2") != 0) return kPacked;
#endif
    return kPlain;
}

const KernelTable& plain_digit_kernels() {
    static constexpr KernelTable kPlain = digit_table<ScalarLanes, kPlainPack>();
#if defined(__AVX2__)
    static constexpr KernelTable kPacked = digit_table<Avx2Lanes, pack_avx2>();
    if (__builtin_cpu_supports("avx2") != 0) return kPacked;
#endif
    return kPlain;
}

}  // namespace assay::compute
