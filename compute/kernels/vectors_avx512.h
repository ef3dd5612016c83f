// Sixteen lanes in AVX-512 with VNNI, for WideTile. Only for files built with those flags; in an
// unnamed namespace for the reason given in lanes_avx2.h. Each function is one or two instructions:
// tests prove WideTile itself with plain loops of the same meaning. Threads: pure. Errors: none.
#pragma once

#if defined(__AVX512VNNI__)  // nothing elsewhere

#include <immintrin.h>

#include "compute/arithmetic/scalar.h"

namespace assay::compute {
namespace {

struct Avx512Vectors {
    using I = __m512i;     // 16 int32
    using F = __m512;      // 16 floats
    using Wide = __m512i;  // 8 int64

    static ASSAY_HD __mmask16 first(int64_t count) {
        return count >= 16 ? __mmask16{0xFFFF} : static_cast<__mmask16>((1U << count) - 1);
    }

    static ASSAY_HD I zero() { return _mm512_setzero_si512(); }
    static ASSAY_HD I load(const int32_t* p) { return _mm512_loadu_si512(p); }
    static ASSAY_HD I set(int32_t x) { return _mm512_set1_epi32(x); }
    static ASSAY_HD I add_dot(I acc, I a, I b) { return _mm512_dpwssd_epi32(acc, a, b); }
    static ASSAY_HD F to_floats(I x) { return _mm512_cvtepi32_ps(x); }

    // int64 sums at `to` += or = x.
    static ASSAY_HD void widen(I x, bool set, int64_t* to) {
        put(_mm512_cvtepi32_epi64(_mm512_castsi512_si256(x)), set, to);
        put(_mm512_cvtepi32_epi64(_mm512_extracti64x4_epi64(x, 1)), set, to + 8);
    }
    static ASSAY_HD F wide_to_floats(const int64_t* p) {
        const __m256 low = _mm512_cvtepi64_ps(_mm512_loadu_si512(p));
        const __m256 high = _mm512_cvtepi64_ps(_mm512_loadu_si512(p + 8));
        return _mm512_insertf32x8(_mm512_castps256_ps512(low), high, 1);
    }

    static ASSAY_HD Wide zero_wide() { return _mm512_setzero_si512(); }
    static ASSAY_HD Wide add_even(Wide acc, I a, I b) {
        return _mm512_add_epi64(acc, _mm512_mul_epi32(a, b));
    }
    static ASSAY_HD Wide add_odd(Wide acc, I a, I b) {  // every lane of a is the same
        return _mm512_add_epi64(acc, _mm512_mul_epi32(a, _mm512_srli_epi64(b, 32)));
    }
    // Sums of the even and odd columns to sixteen int64 in order.
    static ASSAY_HD void add_interleaved(Wide even, Wide odd, bool set, int64_t* to) {
        const __m512i low = _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11);
        const __m512i high = _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15);
        put(_mm512_permutex2var_epi64(even, low, odd), set, to);
        put(_mm512_permutex2var_epi64(even, high, odd), set, to + 8);
    }

    static ASSAY_HD F set(float x) { return _mm512_set1_ps(x); }
    static ASSAY_HD F mul(F a, F b) { return _mm512_mul_ps(a, b); }
    static ASSAY_HD F add(F a, F b) { return _mm512_add_ps(a, b); }
    static ASSAY_HD F load_some(const float* p, int64_t count) {
        return _mm512_maskz_loadu_ps(first(count), p);
    }
    static ASSAY_HD void store_some(float* p, F x, int64_t count) {
        _mm512_mask_storeu_ps(p, first(count), x);
    }
    static ASSAY_HD I max_magnitude(I top, F x, int64_t count) {
        const I bits = _mm512_maskz_and_epi32(first(count), _mm512_castps_si512(x),
                                              _mm512_set1_epi32(0x7FFFFFFF));
        return _mm512_max_epi32(top, bits);
    }
    static ASSAY_HD uint32_t top(I x) { return static_cast<uint32_t>(_mm512_reduce_max_epi32(x)); }

private:
    static ASSAY_HD void put(__m512i x, bool set, int64_t* to) {
        _mm512_storeu_si512(to, set ? x : _mm512_add_epi64(_mm512_loadu_si512(to), x));
    }
};

}  // namespace
}  // namespace assay::compute

#endif
