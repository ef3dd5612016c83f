#include "tests/compute/plain_tiles.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "compute/kernels/make_table.h"
#include "compute/kernels/pack_kernels.h"
#include "compute/kernels/tile_digits.h"
#include "compute/kernels/tile_wide.h"
#if defined(__AVX2__)
#include "compute/kernels/pack_avx2.h"
#endif

namespace assay::compute {
namespace {

// The meaning of each function of Avx512Vectors, lane by lane.
struct PlainVectors {
    using I = std::array<int32_t, 16>;
    using F = std::array<float, 16>;
    using Wide = std::array<int64_t, 8>;

    template <class Body>
    static F each(Body body) {
        F out;
        for (size_t i = 0; i < 16; ++i) out[i] = body(i);
        return out;
    }

    static I zero() { return {}; }
    static I load(const int32_t* p) {
        I x;
        std::copy_n(p, 16, x.begin());
        return x;
    }
    static I set(int32_t v) {
        I x;
        x.fill(v);
        return x;
    }
    static int64_t dot(int32_t a, int32_t b) {
        return int64_t{static_cast<int16_t>(a)} * static_cast<int16_t>(b) +
               int64_t{a >> 16} * (b >> 16);
    }
    static I add_dot(I acc, I a, I b) {  // modulo 2^32, as the instruction
        for (size_t i = 0; i < 16; ++i)
            acc[i] = static_cast<int32_t>(static_cast<uint32_t>(acc[i] + dot(a[i], b[i])));
        return acc;
    }
    static F to_floats(I x) {
        return each([&](size_t i) { return int_to_f32(x[i]); });
    }
    static void widen(I x, bool set, int64_t* to) {
        for (size_t i = 0; i < 16; ++i) to[i] = (set ? 0 : to[i]) + x[i];
    }
    static F wide_to_floats(const int64_t* p) {
        return each([&](size_t i) { return int_to_f32(p[i]); });
    }

    static Wide zero_wide() { return {}; }
    static Wide add_even(Wide acc, I a, I b) {
        for (size_t i = 0; i < 8; ++i) acc[i] += int64_t{a[2 * i]} * b[2 * i];
        return acc;
    }
    static Wide add_odd(Wide acc, I a, I b) {
        for (size_t i = 0; i < 8; ++i) acc[i] += int64_t{a[2 * i]} * b[2 * i + 1];
        return acc;
    }
    static void add_interleaved(Wide even, Wide odd, bool set, int64_t* to) {
        for (size_t i = 0; i < 16; ++i)
            to[i] = (set ? 0 : to[i]) + (i % 2 == 0 ? even : odd)[i / 2];
    }

    static F set(float v) {
        return each([&](size_t) { return v; });
    }
    static F mul(F a, F b) {
        return each([&](size_t i) { return a[i] * b[i]; });
    }
    static F add(F a, F b) {
        return each([&](size_t i) { return a[i] + b[i]; });
    }
    static F load_some(const float* p, int64_t count) {
        return each([&](size_t i) { return static_cast<int64_t>(i) < count ? p[i] : 0.0F; });
    }
    static void store_some(float* p, F x, int64_t count) {
        std::copy_n(x.begin(), std::min<int64_t>(count, 16), p);
    }
    static I max_magnitude(I top, F x, int64_t count) {
        for (size_t i = 0; i < 16 && static_cast<int64_t>(i) < count; ++i)
            top[i] = std::max(top[i], static_cast<int32_t>(abs_bits(x[i])));
        return top;
    }
    static uint32_t top(I x) {
        return static_cast<uint32_t>(*std::max_element(x.begin(), x.end()));
    }
};

// The meaning of each function of AmxUnit: eight tiles of 16 rows of 64 bytes.
struct PlainTiles {
    std::array<std::array<int8_t, 1024>, 8> tile;

    template <int kTile>
    void zero() {
        tile[kTile].fill(0);
    }
    template <int kTile>
    void load(const int32_t* from, int64_t stride) {
        for (int64_t row = 0; row < 16; ++row)
            std::memcpy(&tile[kTile][static_cast<size_t>(row * 64)],
                        reinterpret_cast<const char*>(from) + row * stride, 64);
    }
    template <int kTile>
    void store(int32_t* to, int64_t stride) const {
        for (int64_t row = 0; row < 16; ++row)
            std::memcpy(reinterpret_cast<char*>(to) + row * stride,
                        &tile[kTile][static_cast<size_t>(row * 64)], 64);
    }
    // out (16 x 16 int32) += a (16 x 64) * b, where b holds four rows of k in each of its rows.
    template <int kOut, int kA, int kB>
    void add_product() {
        for (size_t i = 0; i < 16; ++i) {
            for (size_t j = 0; j < 16; ++j) {
                int32_t sum = 0;
                std::memcpy(&sum, &tile[kOut][i * 64 + j * 4], 4);
                for (size_t k = 0; k < 64; ++k)
                    sum += tile[kA][i * 64 + k] * tile[kB][k / 4 * 64 + j * 4 + k % 4];
                std::memcpy(&tile[kOut][i * 64 + j * 4], &sum, 4);
            }
        }
    }
};

using Wide = WideTile<PlainVectors>;
using Digits = DigitTile<PlainTiles>;

template <class L, Bits (*kPack)(const PackJob&)>
constexpr KernelTable wide_table() {
    return make_table<L>(
        {Wide::kRows, Wide::kCols, Wide::kGroupRows, kPack, Wide::tile, Wide::kDepthBlock});
}
template <class L, Bits (*kPack)(const PackJob&)>
constexpr KernelTable digit_table() {
    return make_table<L>({Digits::kRows, Digits::kCols, Digits::kGroupRows, PackDigits<kPack>::pack,
                          Digits::tile, Digits::kDepthBlock},
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
