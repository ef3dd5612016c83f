// Sixteen lanes in AVX-512, with the names of ScalarLanes. Only for files built with -mavx512*; in
// an unnamed namespace for the reason given in lanes_avx2.h. Threads: pure. Errors: none.
#pragma once

#if defined(__AVX512F__) && defined(__AVX512DQ__)  // nothing elsewhere

#include <immintrin.h>

#include "compute/arithmetic/scalar.h"

namespace assay::compute {
namespace {

struct Avx512Lanes {
    using F = __m512;
    using I = __m512i;
    using M = __mmask16;
    static constexpr int kWidth = 16;

    static ASSAY_HD M first(int64_t count) {
        return count >= 16 ? M{0xFFFF} : static_cast<M>((1U << count) - 1);
    }

    static ASSAY_HD F set(float x) { return _mm512_set1_ps(x); }
    static ASSAY_HD F load(const float* p) { return _mm512_loadu_ps(p); }
    static ASSAY_HD F load_some(const float* p, int64_t count) {
        return _mm512_maskz_loadu_ps(first(count), p);
    }
    static ASSAY_HD void store(float* p, F x) { _mm512_storeu_ps(p, x); }
    static ASSAY_HD void store_some(float* p, F x, int64_t count) {
        _mm512_mask_storeu_ps(p, first(count), x);
    }
    static ASSAY_HD F keep(F x, int64_t count) { return _mm512_maskz_mov_ps(first(count), x); }
    static ASSAY_HD F select_some(F x, F rest, int64_t count) {
        return _mm512_mask_mov_ps(rest, first(count), x);
    }

    static ASSAY_HD F add(F a, F b) { return _mm512_add_ps(a, b); }
    static ASSAY_HD F sub(F a, F b) { return _mm512_sub_ps(a, b); }
    static ASSAY_HD F mul(F a, F b) { return _mm512_mul_ps(a, b); }
    static ASSAY_HD F div(F a, F b) { return _mm512_div_ps(a, b); }
    static ASSAY_HD F sqrt(F a) { return _mm512_sqrt_ps(a); }
    static ASSAY_HD F min(F a, F b) { return _mm512_min_ps(a, b); }  // a < b ? a : b
    static ASSAY_HD F max(F a, F b) { return _mm512_max_ps(a, b); }  // a > b ? a : b
    static ASSAY_HD F abs(F a) { return _mm512_castsi512_ps(magnitude(a)); }
    static ASSAY_HD F negate(F a) { return _mm512_xor_ps(a, _mm512_set1_ps(-0.0F)); }
    static ASSAY_HD M less(F a, F b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
    static ASSAY_HD F select(M m, F a, F b) { return _mm512_mask_mov_ps(b, m, a); }

    static ASSAY_HD I zero_int() { return _mm512_setzero_si512(); }
    static ASSAY_HD I to_int(F x) { return _mm512_cvtps_epi32(x); }
    static ASSAY_HD F scale_of(I n) {
        return _mm512_castsi512_ps(
            _mm512_slli_epi32(_mm512_add_epi32(n, _mm512_set1_epi32(127)), 23));
    }
    static ASSAY_HD I magnitude(F x) {
        return _mm512_and_si512(_mm512_castps_si512(x), _mm512_set1_epi32(0x7FFFFFFF));
    }
    static ASSAY_HD I max_int(I a, I b) { return _mm512_max_epi32(a, b); }
    static ASSAY_HD I all_bits(M m) { return _mm512_maskz_set1_epi32(m, 0x7FFFFFFF); }
    static ASSAY_HD void store_magnitudes(uint32_t* p, I a) { _mm512_storeu_si512(p, a); }
    static ASSAY_HD uint32_t top(I a) { return static_cast<uint32_t>(_mm512_reduce_max_epi32(a)); }
    static ASSAY_HD float top(F a) { return _mm512_reduce_max_ps(a); }

    struct Sum {  // exact, one int64 a lane
        __m512i low = _mm512_setzero_si512(), high = _mm512_setzero_si512();
        ASSAY_HD void add(I q) {
            low = _mm512_add_epi64(low, _mm512_cvtepi32_epi64(_mm512_castsi512_si256(q)));
            high = _mm512_add_epi64(high, _mm512_cvtepi32_epi64(_mm512_extracti64x4_epi64(q, 1)));
        }
        ASSAY_HD int64_t total() const {
            return _mm512_reduce_add_epi64(_mm512_add_epi64(low, high));
        }
        ASSAY_HD void add_lanes_to(int64_t* p, int64_t count) const {
            const M mask = first(count);
            add_eight(p, low, static_cast<__mmask8>(mask & 0xFF));
            add_eight(p + 8, high, static_cast<__mmask8>(mask >> 8));
        }
        static ASSAY_HD void add_eight(int64_t* p, __m512i x, __mmask8 mask) {
            const __m512i before = _mm512_maskz_loadu_epi64(mask, p);
            _mm512_mask_storeu_epi64(p, mask, _mm512_add_epi64(before, x));
        }
    };
};

}  // namespace
}  // namespace assay::compute

#endif
