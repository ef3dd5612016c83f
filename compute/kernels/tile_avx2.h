// The 4 x 16 tile in AVX2: pmaddwd for one and two slices, pmuldq for three. Internal to avx2.cpp.
//
// int32 accumulators take 16 pairs at two slices; they are then split into high and low halves that
// are summed apart, each in int32 again (exact to 2^15 chunks), and joined in binary64, which holds
// the whole sum (|P| < 2^47). Threads: pure. Errors: see kernel_table.h.
#pragma once

#if defined(__AVX2__)  // nothing elsewhere

#include "compute/kernels/lanes_avx2.h"
#include "compute/kernels/tile_kernels.h"
#include "compute/kernels/vector_loop.h"

namespace assay::compute {
namespace {

struct Accumulators {
    __m256i at[kTileRows][2];
};

ASSAY_HD void clear(Accumulators& acc) {
    for (auto& row : acc.at) row[0] = row[1] = _mm256_setzero_si256();
}

ASSAY_HD void add_pairs(Accumulators& acc, const int32_t* a, const int32_t* b, int64_t units) {
    Accumulators sum = acc;  // in registers
    for (int64_t u = 0; u < units; ++u, a += kTileRows, b += kTileCols) {
        const __m256i b0 = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b));
        const __m256i b1 = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b + 8));
        for (int i = 0; i < kTileRows; ++i) {
            const __m256i x = _mm256_set1_epi32(a[i]);
            sum.at[i][0] = _mm256_add_epi32(sum.at[i][0], _mm256_madd_epi16(x, b0));
            sum.at[i][1] = _mm256_add_epi32(sum.at[i][1], _mm256_madd_epi16(x, b1));
        }
    }
    acc = sum;
}

// Nearest floats of high * 65536 + low.
ASSAY_HD __m256 join(__m256i high, __m256i low) {
    const auto half = [](__m128i h, __m128i l) ASSAY_BODY {
        const __m256d scaled = _mm256_mul_pd(_mm256_cvtepi32_pd(h), _mm256_set1_pd(65536.0));
        return _mm256_cvtpd_ps(_mm256_add_pd(scaled, _mm256_cvtepi32_pd(l)));
    };
    return _mm256_set_m128(
        half(_mm256_extracti128_si256(high, 1), _mm256_extracti128_si256(low, 1)),
        half(_mm256_castsi256_si128(high), _mm256_castsi256_si128(low)));
}

using TileSums = __m256[kTileRows][2];

ASSAY_HD void pair_sums(const TileJob& job, TileSums& out) {
    const int64_t chunk = chunk_units(job.slices);
    Accumulators acc;
    clear(acc);
    if (job.units <= chunk) {
        add_pairs(acc, job.a, job.b, job.units);
        for (int i = 0; i < kTileRows; ++i)
            for (int h = 0; h < 2; ++h) out[i][h] = _mm256_cvtepi32_ps(acc.at[i][h]);
        return;
    }
    Accumulators high, low;
    clear(high);
    clear(low);
    const __m256i mask = _mm256_set1_epi32(0xFFFF);
    for (int64_t u = 0; u < job.units; u += chunk) {
        const int64_t count = job.units - u < chunk ? job.units - u : chunk;
        clear(acc);
        add_pairs(acc, job.a + u * kTileRows, job.b + u * kTileCols, count);
        for (int i = 0; i < kTileRows; ++i) {
            for (int h = 0; h < 2; ++h) {
                const __m256i x = acc.at[i][h];
                high.at[i][h] = _mm256_add_epi32(high.at[i][h], _mm256_srai_epi32(x, 16));
                low.at[i][h] = _mm256_add_epi32(low.at[i][h], _mm256_and_si256(x, mask));
            }
        }
    }
    for (int i = 0; i < kTileRows; ++i)
        for (int h = 0; h < 2; ++h) out[i][h] = join(high.at[i][h], low.at[i][h]);
}

// Three slices: int64 sums of 21-bit products, columns of even and odd index apart.
ASSAY_HD void wide_sums(const TileJob& job, TileSums& out) {
    for (int h = 0; h < 2; ++h) {
        __m256i even[kTileRows], odd[kTileRows];
        for (int i = 0; i < kTileRows; ++i) even[i] = odd[i] = _mm256_setzero_si256();
        for (int64_t u = 0; u < job.units; ++u) {
            const int32_t* a = job.a + u * kTileRows;
            const __m256i b =
                _mm256_loadu_si256(reinterpret_cast<const __m256i*>(job.b + u * kTileCols + 8 * h));
            const __m256i b_odd = _mm256_srli_epi64(b, 32);
            for (int i = 0; i < kTileRows; ++i) {
                const __m256i x = _mm256_set1_epi32(a[i]);
                even[i] = _mm256_add_epi64(even[i], _mm256_mul_epi32(x, b));
                odd[i] = _mm256_add_epi64(odd[i], _mm256_mul_epi32(x, b_odd));
            }
        }
        for (int i = 0; i < kTileRows; ++i) {
            alignas(32) int64_t e[4], o[4];
            alignas(32) float f[8];
            _mm256_store_si256(reinterpret_cast<__m256i*>(e), even[i]);
            _mm256_store_si256(reinterpret_cast<__m256i*>(o), odd[i]);
            for (int j = 0; j < 4; ++j) {
                f[2 * j] = int_to_f32(e[j]);
                f[2 * j + 1] = int_to_f32(o[j]);
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
