// Packing sixteen vectors at a time in AVX-512. Internal to the files built for it.
// Threads: pure. Errors: see kernel_table.h.
#pragma once

#if defined(__AVX512BW__)  // nothing elsewhere

#include "compute/hash/transpose_avx512.h"
#include "compute/kernels/lanes_avx512.h"
#include "compute/kernels/pack_vectors.h"

namespace assay::compute {
namespace {

struct Avx512Pack {
    using L = Avx512Lanes;
    using F = __m512;
    using I = __m512i;

    static ASSAY_HD void store(int32_t* p, I x) { _mm512_storeu_si512(p, x); }
    static ASSAY_HD I add(I a, I b) { return _mm512_add_epi32(a, b); }
    static ASSAY_HD I squares(I pairs) { return _mm512_madd_epi16(pairs, pairs); }
    // Not by _mm512_reduce_add_epi32, which adds the last two as ints: this may need all 32 bits.
    static ASSAY_HD uint32_t sum(I x) {
        const __m256i h =
            _mm256_add_epi32(_mm512_castsi512_si256(x), _mm512_extracti64x4_epi64(x, 1));
        __m128i s = _mm_add_epi32(_mm256_castsi256_si128(h), _mm256_extracti128_si256(h, 1));
        s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4E));
        s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xB1));
        return static_cast<uint32_t>(_mm_cvtsi128_si32(s));
    }
    // Of each lane a pair.
    static ASSAY_HD I pair(I first, I second) {
        return _mm512_mask_mov_epi16(first, 0xAAAAAAAA, _mm512_slli_epi32(second, 16));
    }
    // Thirty-two values in order as sixteen pairs.
    static ASSAY_HD I pairs_of(I low, I high) {
        const __m512i order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
        return _mm512_permutexvar_epi64(order, _mm512_packs_epi32(low, high));
    }
    static ASSAY_HD void transpose(I* r) { transpose_lanes(r); }
};

inline Bits pack_avx512(const PackJob& job) {
    return pack_vectors<Avx512Pack>(job);
}

}  // namespace
}  // namespace assay::compute

#endif
