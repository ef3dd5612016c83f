// The 6 x 16 tile in AVX2: pmaddwd for one and two slices, pmuldq for three. Internal to avx2.cpp.
//
// Twelve int32 accumulators, two vectors of B, one broadcast of A and one product: all sixteen
// registers. Sums are widened to int64 where chunk.h says so. Threads: pure. Errors: see
// kernel_table.h.
#pragma once

#if defined(__AVX2__)  // nothing elsewhere

#include "compute/kernels/chunk.h"
#include "compute/kernels/lanes_avx2.h"
#include "compute/kernels/tile_kernels.h"
#include "compute/kernels/vector_loop.h"

namespace assay::compute {
namespace {

inline constexpr int64_t kRows = 6, kCols = 16, kGroupRows = 24;

struct Accumulators {
    __m256i at[kRows][2];
};

// One unit of one row into its accumulators. Written out, and with named accumulators, because
// compilers otherwise hoist the broadcasts and keep accumulators in memory.
ASSAY_HD void add_row(const int32_t& a, __m256i b0, __m256i b1, __m256i& s0, __m256i& s1) {
    __m256i x, product;
    asm("vpbroadcastd %[a], %[x]\n\t"
        "vpmaddwd %[b0], %[x], %[product]\n\t"
        "vpmaddwd %[b1], %[x], %[x]\n\t"
        "vpaddd %[product], %[s0], %[s0]\n\t"
        "vpaddd %[x], %[s1], %[s1]"
        : [s0] "+x"(s0), [s1] "+x"(s1), [x] "=&x"(x), [product] "=&x"(product)
        : [a] "m"(a), [b0] "x"(b0), [b1] "x"(b1));
}

// acc = sums over units [begin, end). Not inlined: it needs every register.
__attribute__((noinline)) inline void sum_pairs(Accumulators& acc, const TileJob& job,
                                                int64_t begin, int64_t end) {
    static_assert(kRows == 6 && kCols == 16);
    const __m256i zero = _mm256_setzero_si256();
    __m256i s00 = zero, s01 = zero, s10 = zero, s11 = zero, s20 = zero, s21 = zero;
    __m256i s30 = zero, s31 = zero, s40 = zero, s41 = zero, s50 = zero, s51 = zero;
    const int64_t stride = job.stride_a;
    const int32_t* a0 = job.a + begin;
    const int32_t* a3 = a0 + 3 * stride;
    const int32_t* b = job.b + begin * kCols;
    for (int64_t u = begin; u < end; ++u, ++a0, ++a3, b += kCols) {
        const __m256i b0 = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b));
        const __m256i b1 = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b + 8));
        add_row(a0[0], b0, b1, s00, s01);
        add_row(a0[stride], b0, b1, s10, s11);
        add_row(a0[2 * stride], b0, b1, s20, s21);
        add_row(a3[0], b0, b1, s30, s31);
        add_row(a3[stride], b0, b1, s40, s41);
        add_row(a3[2 * stride], b0, b1, s50, s51);
    }
    acc = {{{s00, s01}, {s10, s11}, {s20, s21}, {s30, s31}, {s40, s41}, {s50, s51}}};
}

ASSAY_HD __m256i* lanes_at(int64_t* sums, int64_t i, int64_t j) {
    return reinterpret_cast<__m256i*>(sums + i * kCols + j);
}

// Adds int32 sums to int64 ones, or sets them.
ASSAY_HD void widen(const Accumulators& acc, bool set, int64_t* sums) {
    for (int64_t i = 0; i < kRows; ++i) {
        for (int64_t h = 0; h < 4; ++h) {
            const __m256i x = acc.at[i][h / 2];
            const __m256i wide = _mm256_cvtepi32_epi64(h % 2 == 0 ? _mm256_castsi256_si128(x)
                                                                  : _mm256_extracti128_si256(x, 1));
            __m256i* to = lanes_at(sums, i, 4 * h);
            _mm256_store_si256(to, set ? wide : _mm256_add_epi64(_mm256_load_si256(to), wide));
        }
    }
}

using TileSums = __m256[kRows][2];

// Nearest floats of four int64 below 2^51 in magnitude.
ASSAY_HD __m128 to_floats(__m256i x) {
    const __m256d magic = _mm256_set1_pd(6755399441055744.0);  // 1.5 * 2^52
    const __m256i shifted = _mm256_add_epi64(x, _mm256_castpd_si256(magic));
    return _mm256_cvtpd_ps(_mm256_sub_pd(_mm256_castsi256_pd(shifted), magic));
}

ASSAY_HD void narrow(int64_t* sums, TileSums& out) {
    for (int64_t i = 0; i < kRows; ++i)
        for (int64_t h = 0; h < 2; ++h)
            out[i][h] = _mm256_set_m128(to_floats(_mm256_load_si256(lanes_at(sums, i, 8 * h + 4))),
                                        to_floats(_mm256_load_si256(lanes_at(sums, i, 8 * h))));
}

ASSAY_HD void pair_sums(const TileJob& job, TileSums& out) {
    alignas(64) int64_t own[kRows * kCols];
    int64_t* sums = job.sums != nullptr ? job.sums : own;
    Accumulators acc;
    bool set = job.first;
    for (int64_t at = job.from; at < job.stop || set;) {
        const int64_t end = at < job.stop ? chunk_end(job, at) : at;
        sum_pairs(acc, job, at / 2, (end + 1) / 2);
        if (set && end == job.stop && job.last) {
            for (int i = 0; i < kRows; ++i)
                for (int h = 0; h < 2; ++h) out[i][h] = _mm256_cvtepi32_ps(acc.at[i][h]);
            return;
        }
        widen(acc, set, sums);
        set = false;
        at = end;
    }
    if (job.last) narrow(sums, out);
}

// Three slices: int64 sums of 21-bit products, columns of even and odd index apart.
ASSAY_HD void wide_half(const TileJob& job, int64_t h, int64_t (*sums)[8]) {
    __m256i even[kRows], odd[kRows];
    for (int i = 0; i < kRows; ++i) even[i] = odd[i] = _mm256_setzero_si256();
    for (int64_t u = job.from; u < job.stop; ++u) {
        const __m256i b =
            _mm256_loadu_si256(reinterpret_cast<const __m256i*>(job.b + u * kCols + 8 * h));
        const __m256i b_odd = _mm256_srli_epi64(b, 32);
        for (int i = 0; i < kRows; ++i) {
            const __m256i x = _mm256_set1_epi32(job.a[i * job.stride_a + u]);
            even[i] = _mm256_add_epi64(even[i], _mm256_mul_epi32(x, b));
            odd[i] = _mm256_add_epi64(odd[i], _mm256_mul_epi32(x, b_odd));
        }
    }
    for (int i = 0; i < kRows; ++i) {
        alignas(32) int64_t e[4], o[4];
        _mm256_store_si256(reinterpret_cast<__m256i*>(e), even[i]);
        _mm256_store_si256(reinterpret_cast<__m256i*>(o), odd[i]);
        for (int j = 0; j < 4; ++j) {
            sums[i][2 * j] = e[j];
            sums[i][2 * j + 1] = o[j];
        }
    }
}

ASSAY_HD void wide_sums(const TileJob& job, TileSums& out) {
    for (int64_t h = 0; h < 2; ++h) {
        int64_t part[kRows][8];
        wide_half(job, h, part);
        for (int64_t i = 0; i < kRows; ++i) {
            alignas(32) float f[8];
            for (int64_t j = 0; j < 8; ++j) {
                if (job.sums != nullptr) {
                    int64_t& total = job.sums[i * kCols + 8 * h + j];
                    total = part[i][j] += job.first ? 0 : total;
                }
                f[j] = int_to_f32(part[i][j]);
            }
            out[i][h] = _mm256_load_ps(f);
        }
    }
}

inline Bits tile_avx2(const TileJob& job) {
    TileSums sums;
    if (job.slices == 3) {
        wide_sums(job, sums);
    } else {
        pair_sums(job, sums);
    }
    if (!job.last) return 0;
    Fault<Avx2Lanes> fault;
    for (int64_t h = 0; h < 2; ++h) {
        const int64_t count = job.cols - 8 * h;
        if (count <= 0) break;
        const __m256 scale_b = _mm256_loadu_ps(job.scale_b + 8 * h);
        const bool whole = count >= 8;
        __m256 bias = _mm256_setzero_ps();
        if (job.bias != nullptr)
            bias = whole ? _mm256_loadu_ps(job.bias + 8 * h)
                         : Avx2Lanes::load_some(job.bias + 8 * h, count);
        for (int64_t i = 0; i < job.rows; ++i) {
            const __m256 scale_a = _mm256_set1_ps(job.scale_a[i]);
            __m256 x = _mm256_mul_ps(_mm256_mul_ps(sums[i][h], scale_a), scale_b);
            if (job.bias != nullptr) x = _mm256_add_ps(x, bias);
            float* to = job.c + i * job.ldc + 8 * h;
            if (whole) {
                fault.finite(x);
                _mm256_storeu_ps(to, x);
            } else {
                fault.finite(Avx2Lanes::keep(x, count));
                Avx2Lanes::store_some(to, x, count);
            }
        }
    }
    return Avx2Lanes::top(fault.bits);
}

}  // namespace
}  // namespace assay::compute

#endif
