// Packing eight vectors at a time in AVX2. Internal to the files built for it.
// Threads: pure. Errors: see kernel_table.h.
#pragma once

#if defined(__AVX2__)  // nothing elsewhere

#include "compute/kernels/lanes_avx2.h"
#include "compute/kernels/pack_vectors.h"

namespace assay::compute {
namespace {

struct Avx2Pack {
    using L = Avx2Lanes;
    using F = __m256;
    using I = __m256i;

    static ASSAY_HD void store(int32_t* p, I x) {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), x);
    }
    static ASSAY_HD I add(I a, I b) { return _mm256_add_epi32(a, b); }
    static ASSAY_HD I squares(I pairs) { return _mm256_madd_epi16(pairs, pairs); }
    static ASSAY_HD uint32_t sum(I x) {
        __m128i s = _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
        s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4E));
        s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xB1));
        return static_cast<uint32_t>(_mm_cvtsi128_si32(s));
    }
    // Of each lane a pair.
    static ASSAY_HD I pair(I first, I second) {
        return _mm256_blend_epi16(first, _mm256_slli_epi32(second, 16), 0xAA);
    }
    // Sixteen values in order as eight pairs.
    static ASSAY_HD I pairs_of(I low, I high) {
        return _mm256_permute4x64_epi64(_mm256_packs_epi32(low, high), 0xD8);
    }
    // r[i] lane j becomes r[j] lane i.
    static ASSAY_HD void transpose(I* r) {
        I t[8], s[8];
        for (int i = 0; i < 4; ++i) {
            t[2 * i] = _mm256_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
            t[2 * i + 1] = _mm256_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
        }
        for (int i = 0; i < 2; ++i) {
            s[4 * i] = _mm256_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
            s[4 * i + 1] = _mm256_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
            s[4 * i + 2] = _mm256_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
            s[4 * i + 3] = _mm256_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
        }
        for (int i = 0; i < 4; ++i) {
            r[i] = _mm256_permute2x128_si256(s[i], s[i + 4], 0x20);
            r[i + 4] = _mm256_permute2x128_si256(s[i], s[i + 4], 0x31);
        }
    }
};

inline Bits pack_avx2(const PackJob& job) {
    return pack_vectors<Avx2Pack>(job);
}

}  // namespace
}  // namespace assay::compute

#endif
