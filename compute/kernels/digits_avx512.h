// Digits of packed units in AVX-512, for PackDigits. Only for files built with those flags; in an
// unnamed namespace for the reason given in lanes_avx2.h. Threads: pure. Errors: none.
#pragma once

#if defined(__AVX512BW__)  // nothing elsewhere

#include "compute/hash/transpose_avx512.h"
#include "compute/kernels/pack_digits.h"

namespace assay::compute {
namespace {

struct Avx512Digits {
    // 64 k of one vector, to each plane.
    static ASSAY_HD void split(const int32_t* from, int slices, int32_t* to, int64_t stride) {
        if (slices == 3) {
            for (int64_t i = 0; i < 4; ++i) split_wide(from + 16 * i, to + 4 * i, stride);
        } else {
            for (int64_t i = 0; i < 2; ++i) split_pairs(from + 16 * i, slices, to + 8 * i, stride);
        }
    }

    // Lane i of vector v becomes lane v of vector i.
    static ASSAY_HD void transpose(const int32_t* from, int32_t* to) {
        __m512i r[kDigitLanes];
        for (int64_t v = 0; v < kDigitLanes; ++v) r[v] = _mm512_loadu_si512(from + 16 * v);
        transpose_lanes(r);
        for (int64_t i = 0; i < kDigitLanes; ++i) _mm512_storeu_si512(to + 16 * i, r[i]);
    }

private:
    static ASSAY_HD void split_pairs(const int32_t* from, int slices, int32_t* to, int64_t stride) {
        const auto put = [&](int64_t plane, __m512i digits) ASSAY_BODY {
            _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + plane * stride),
                                _mm512_cvtepi16_epi8(digits));
        };
        const __m512i q = _mm512_loadu_si512(from);
        if (slices == 1) return put(0, q);
        const __m512i half = _mm512_set1_epi16(64), mask = _mm512_set1_epi16(127);
        const __m512i d0 =
            _mm512_sub_epi16(_mm512_and_si512(_mm512_add_epi16(q, half), mask), half);
        const __m512i d1 = _mm512_srai_epi16(_mm512_sub_epi16(q, d0), 7);
        put(0, d0);
        put(1, d1);
        put(2, _mm512_add_epi16(d0, d1));
    }

    static ASSAY_HD void split_wide(const int32_t* from, int32_t* to, int64_t stride) {
        const auto put = [&](int64_t plane, __m512i digits) ASSAY_BODY {
            _mm_storeu_si128(reinterpret_cast<__m128i*>(to + plane * stride),
                             _mm512_cvtepi32_epi8(digits));
        };
        const auto low_digit = [](__m512i q) ASSAY_BODY {
            const __m512i half = _mm512_set1_epi32(64), mask = _mm512_set1_epi32(127);
            return _mm512_sub_epi32(_mm512_and_si512(_mm512_add_epi32(q, half), mask), half);
        };
        const __m512i q = _mm512_loadu_si512(from);
        const __m512i d0 = low_digit(q);
        const __m512i rest = _mm512_srai_epi32(_mm512_sub_epi32(q, d0), 7);
        const __m512i d1 = low_digit(rest);
        const __m512i d2 = _mm512_srai_epi32(_mm512_sub_epi32(rest, d1), 7);
        put(0, d0);
        put(1, d1);
        put(2, d2);
        put(3, _mm512_add_epi32(d0, d1));
        put(4, _mm512_add_epi32(d0, d2));
        put(5, _mm512_add_epi32(d1, d2));
    }
};

}  // namespace
}  // namespace assay::compute

#endif
