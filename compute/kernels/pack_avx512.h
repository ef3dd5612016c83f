// Packing sixteen vectors at a time in AVX-512. Internal to the files built for it.
// Threads: pure. Errors: see kernel_table.h.
#pragma once

#if defined(__AVX512BW__)  // nothing elsewhere

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
    static ASSAY_HD uint32_t sum(I x) { return static_cast<uint32_t>(_mm512_reduce_add_epi32(x)); }
    // Of each lane a pair.
    static ASSAY_HD I pair(I first, I second) {
        return _mm512_mask_mov_epi16(first, 0xAAAAAAAA, _mm512_slli_epi32(second, 16));
    }
    // Thirty-two values in order as sixteen pairs.
    static ASSAY_HD I pairs_of(I low, I high) {
        const __m512i order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
        return _mm512_permutexvar_epi64(order, _mm512_packs_epi32(low, high));
    }
    // r[i] lane j becomes r[j] lane i: first within 4 x 4 blocks, then the blocks.
    static ASSAY_HD void transpose(I* r) {
        I t[16], s[16];
        for (int i = 0; i < 8; ++i) {
            t[2 * i] = _mm512_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
            t[2 * i + 1] = _mm512_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
        }
        for (int i = 0; i < 4; ++i) {
            s[4 * i] = _mm512_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
            s[4 * i + 1] = _mm512_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
            s[4 * i + 2] = _mm512_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
            s[4 * i + 3] = _mm512_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
        }
        for (int i = 0; i < 4; ++i) {
            const I even0 = _mm512_shuffle_i32x4(s[i], s[i + 4], 0x88);
            const I odd0 = _mm512_shuffle_i32x4(s[i], s[i + 4], 0xDD);
            const I even1 = _mm512_shuffle_i32x4(s[i + 8], s[i + 12], 0x88);
            const I odd1 = _mm512_shuffle_i32x4(s[i + 8], s[i + 12], 0xDD);
            r[i] = _mm512_shuffle_i32x4(even0, even1, 0x88);
            r[i + 4] = _mm512_shuffle_i32x4(odd0, odd1, 0x88);
            r[i + 8] = _mm512_shuffle_i32x4(even0, even1, 0xDD);
            r[i + 12] = _mm512_shuffle_i32x4(odd0, odd1, 0xDD);
        }
    }
};

inline Bits pack_avx512(const PackJob& job) {
    return pack_vectors<Avx512Pack>(job);
}

}  // namespace
}  // namespace assay::compute

#endif
