// Sixteen vectors of sixteen int32 lanes, transposed with AVX-512 F. In an unnamed namespace for
// the reason given in kernels/lanes_avx2.h. Threads: pure. Errors: none.
#pragma once

#if defined(__x86_64__)  // nothing elsewhere

#include <immintrin.h>

namespace assay::compute {
namespace {

// r[i] lane j becomes r[j] lane i: first within 4 x 4 blocks, then the blocks.
__attribute__((always_inline, target("avx512f"))) inline void transpose_lanes(__m512i* r) {
    __m512i t[16], s[16];
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) {
        t[2 * i] = _mm512_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm512_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
        s[4 * i] = _mm512_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
        s[4 * i + 1] = _mm512_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
        s[4 * i + 2] = _mm512_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
        s[4 * i + 3] = _mm512_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
        const __m512i even0 = _mm512_shuffle_i32x4(s[i], s[i + 4], 0x88);
        const __m512i odd0 = _mm512_shuffle_i32x4(s[i], s[i + 4], 0xDD);
        const __m512i even1 = _mm512_shuffle_i32x4(s[i + 8], s[i + 12], 0x88);
        const __m512i odd1 = _mm512_shuffle_i32x4(s[i + 8], s[i + 12], 0xDD);
        r[i] = _mm512_shuffle_i32x4(even0, even1, 0x88);
        r[i + 4] = _mm512_shuffle_i32x4(odd0, odd1, 0x88);
        r[i + 8] = _mm512_shuffle_i32x4(even0, even1, 0xDD);
        r[i + 12] = _mm512_shuffle_i32x4(odd0, odd1, 0xDD);
    }
}

}  // namespace
}  // namespace assay::compute

#endif
