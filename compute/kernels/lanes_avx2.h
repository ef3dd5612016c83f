// Eight lanes in AVX2, with the names of ScalarLanes. Only for files built with -mavx2.
//
// In an unnamed namespace: templates instantiated with it stay private to their object file, so no
// AVX2 code can be linked into a path that runs on an older machine. Threads: pure. Errors: none.
#pragma once

#if defined(__AVX2__)  // nothing elsewhere

#include <immintrin.h>

#include "compute/arithmetic/scalar.h"

namespace assay::compute {
namespace {

struct Avx2Lanes {
    using F = __m256;
    using I = __m256i;
    using M = __m256;
    static constexpr int kWidth = 8;

    static ASSAY_HD I first(int64_t count) {  // all ones in the first `count` lanes
        return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)),
                                  _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    }

    static ASSAY_HD F set(float x) { return _mm256_set1_ps(x); }
    static ASSAY_HD F load(const float* p) { return _mm256_loadu_ps(p); }
    static ASSAY_HD F load_some(const float* p, int64_t count) {
        return _mm256_maskload_ps(p, first(count));
    }
    static ASSAY_HD void store(float* p, F x) { _mm256_storeu_ps(p, x); }
    static ASSAY_HD void store_some(float* p, F x, int64_t count) {
        _mm256_maskstore_ps(p, first(count), x);
    }
    static ASSAY_HD F keep(F x, int64_t count) {
        return _mm256_and_ps(x, _mm256_castsi256_ps(first(count)));
    }
    static ASSAY_HD F select_some(F x, F rest, int64_t count) {
        return _mm256_blendv_ps(rest, x, _mm256_castsi256_ps(first(count)));
    }

    static ASSAY_HD F add(F a, F b) { return _mm256_add_ps(a, b); }
    static ASSAY_HD F sub(F a, F b) { return _mm256_sub_ps(a, b); }
    static ASSAY_HD F mul(F a, F b) { return _mm256_mul_ps(a, b); }
    static ASSAY_HD F div(F a, F b) { return _mm256_div_ps(a, b); }
    static ASSAY_HD F sqrt(F a) { return _mm256_sqrt_ps(a); }
    static ASSAY_HD F min(F a, F b) { return _mm256_min_ps(a, b); }  // a < b ? a : b
    static ASSAY_HD F max(F a, F b) { return _mm256_max_ps(a, b); }  // a > b ? a : b
    static ASSAY_HD F abs(F a) { return _mm256_castsi256_ps(magnitude(a)); }
    static ASSAY_HD F negate(F a) { return _mm256_xor_ps(a, _mm256_set1_ps(-0.0F)); }
    static ASSAY_HD M less(F a, F b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
    static ASSAY_HD F select(M m, F a, F b) { return _mm256_blendv_ps(b, a, m); }

    static ASSAY_HD I zero_int() { return _mm256_setzero_si256(); }
    static ASSAY_HD I to_int(F x) { return _mm256_cvtps_epi32(x); }
    static ASSAY_HD F scale_of(I n) {
        return _mm256_castsi256_ps(
            _mm256_slli_epi32(_mm256_add_epi32(n, _mm256_set1_epi32(127)), 23));
    }
    static ASSAY_HD I magnitude(F x) {
        return _mm256_and_si256(_mm256_castps_si256(x), _mm256_set1_epi32(0x7FFFFFFF));
    }
    static ASSAY_HD I max_int(I a, I b) { return _mm256_max_epi32(a, b); }
    static ASSAY_HD I all_bits(M m) { return magnitude(m); }
    static ASSAY_HD void store_magnitudes(uint32_t* p, I a) {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), a);
    }
    static ASSAY_HD uint32_t top(I a) {
        __m128i x = _mm_max_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
        x = _mm_max_epi32(x, _mm_shuffle_epi32(x, 0x4E));
        x = _mm_max_epi32(x, _mm_shuffle_epi32(x, 0xB1));
        return static_cast<uint32_t>(_mm_cvtsi128_si32(x));
    }
    static ASSAY_HD float top(F a) {
        __m128 x = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
        x = _mm_max_ps(x, _mm_movehl_ps(x, x));
        x = _mm_max_ss(x, _mm_movehdup_ps(x));
        return _mm_cvtss_f32(x);
    }

    struct Sum {  // exact, one int64 a lane
        __m256i low = _mm256_setzero_si256(), high = _mm256_setzero_si256();
        ASSAY_HD void add(I q) {
            low = _mm256_add_epi64(low, _mm256_cvtepi32_epi64(_mm256_castsi256_si128(q)));
            high = _mm256_add_epi64(high, _mm256_cvtepi32_epi64(_mm256_extracti128_si256(q, 1)));
        }
        ASSAY_HD int64_t total() const {
            const __m256i s = _mm256_add_epi64(low, high);
            const __m128i x =
                _mm_add_epi64(_mm256_castsi256_si128(s), _mm256_extracti128_si256(s, 1));
            return _mm_cvtsi128_si64(x) + _mm_extract_epi64(x, 1);
        }
        ASSAY_HD void add_lanes_to(int64_t* p, int64_t count) const {
            alignas(32) int64_t lane[8];
            _mm256_store_si256(reinterpret_cast<__m256i*>(lane), low);
            _mm256_store_si256(reinterpret_cast<__m256i*>(lane + 4), high);
            for (int64_t i = 0; i < count; ++i) p[i] += lane[i];
        }
    };
};

}  // namespace
}  // namespace assay::compute

#endif
