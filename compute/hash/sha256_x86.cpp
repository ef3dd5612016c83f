// SHA-256 blocks with the x86 SHA instructions; built for them, called only where they exist.
#include "compute/hash/sha256_blocks.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>

namespace assay::compute {
namespace {

#define ASSAY_SHA __attribute__((target("sha,sse4.1,ssse3")))

ASSAY_SHA void compress(uint32_t* state, const uint8_t* blocks, size_t count) {
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    // The instructions hold the state as (a b e f) and (c d g h), high word first.
    const __m128i abcd = _mm_loadu_si128(reinterpret_cast<const __m128i*>(state));
    const __m128i efgh = _mm_loadu_si128(reinterpret_cast<const __m128i*>(state + 4));
    const __m128i badc = _mm_shuffle_epi32(abcd, 0xB1);
    const __m128i hgfe = _mm_shuffle_epi32(efgh, 0x1B);
    __m128i abef = _mm_alignr_epi8(badc, hgfe, 8);
    __m128i cdgh = _mm_blend_epi16(hgfe, badc, 0xF0);
    for (; count != 0; --count, blocks += 64) {
        const __m128i abef0 = abef, cdgh0 = cdgh;
        __m128i w[4];
        for (int i = 0; i < 4; ++i)
            w[i] = _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(blocks) + i),
                                    swap);
        for (int i = 0; i < 16; ++i) {
            const __m128i k = _mm_loadu_si128(reinterpret_cast<const __m128i*>(kSha256Rounds) + i);
            const __m128i current = w[i & 3];
            __m128i sum = _mm_add_epi32(current, k);
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
            sum = _mm_shuffle_epi32(sum, 0x0E);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, sum);
            // Words 4 (i + 4) .. + 3 replace the ones just used.
            const __m128i next = w[(i + 3) & 3];
            __m128i grown = _mm_sha256msg1_epu32(current, w[(i + 1) & 3]);
            grown = _mm_add_epi32(grown, _mm_alignr_epi8(next, w[(i + 2) & 3], 4));
            w[i & 3] = _mm_sha256msg2_epu32(grown, next);
        }
        abef = _mm_add_epi32(abef, abef0);
        cdgh = _mm_add_epi32(cdgh, cdgh0);
    }
    const __m128i feba = _mm_shuffle_epi32(abef, 0x1B);
    const __m128i dchg = _mm_shuffle_epi32(cdgh, 0xB1);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(state), _mm_blend_epi16(feba, dchg, 0xF0));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}

}  // namespace

Sha256Blocks sha256_blocks_native() {
    unsigned a = 0, b = 0, c = 0, d = 0;
    const bool sha = __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & bit_SHA) != 0;
    const bool sse =
        __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_SSE4_1) != 0 && (c & bit_SSSE3) != 0;
    return sha && sse ? compress : nullptr;
}

}  // namespace assay::compute

#else

namespace assay::compute {
Sha256Blocks sha256_blocks_native() {
    return nullptr;
}
}  // namespace assay::compute

#endif
