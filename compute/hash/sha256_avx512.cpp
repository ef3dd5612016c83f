// SHA-256 of sixteen messages in step, one a lane of AVX-512: faster than the SHA instructions
// where that many are at hand. Built for it, called only where it exists.
#include "compute/hash/sha256_blocks.h"
#include "compute/hash/transpose_avx512.h"

#if defined(__x86_64__)

#include <immintrin.h>

namespace assay::compute {
namespace {

#define ASSAY_512 __attribute__((target("avx512f,avx512bw")))

ASSAY_512 inline __m512i xor_of(__m512i a, __m512i b, __m512i c) {
    return _mm512_ternarylogic_epi32(a, b, c, 0x96);
}

// w[i] = word i of the block of each message.
ASSAY_512 inline void load_words(__m512i* w, const uint8_t* const* blocks, size_t block) {
    const __m512i swap = _mm512_set4_epi32(0x0c0d0e0f, 0x08090a0b, 0x04050607, 0x00010203);
    constexpr size_t kAhead = 8;  // blocks: sixteen streams are more than the machine follows
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) {
        const uint8_t* at = blocks[i] + 64 * block;
        __builtin_prefetch(at + 64 * kAhead);
        w[i] = _mm512_shuffle_epi8(_mm512_loadu_si512(at), swap);
    }
    transpose_lanes(w);
}

ASSAY_512 inline void grow(__m512i* w, int i) {
    const __m512i x = w[(i + 1) & 15], y = w[(i + 14) & 15];
    const __m512i s0 =
        xor_of(_mm512_ror_epi32(x, 7), _mm512_ror_epi32(x, 18), _mm512_srli_epi32(x, 3));
    const __m512i s1 =
        xor_of(_mm512_ror_epi32(y, 17), _mm512_ror_epi32(y, 19), _mm512_srli_epi32(y, 10));
    w[i] = _mm512_add_epi32(_mm512_add_epi32(w[i], s0), _mm512_add_epi32(w[(i + 9) & 15], s1));
}

// Round i of each sixteen; a is v[-i & 7], b the next one, and so on.
ASSAY_512 inline void round_of(__m512i* v, __m512i word, uint32_t constant, int i) {
    const __m512i a = v[-i & 7], b = v[(1 - i) & 7], c = v[(2 - i) & 7];
    const __m512i e = v[(4 - i) & 7], f = v[(5 - i) & 7], g = v[(6 - i) & 7];
    const __m512i k = _mm512_add_epi32(word, _mm512_set1_epi32(static_cast<int>(constant)));
    const __m512i s1 =
        xor_of(_mm512_ror_epi32(e, 6), _mm512_ror_epi32(e, 11), _mm512_ror_epi32(e, 25));
    const __m512i choice = _mm512_ternarylogic_epi32(e, f, g, 0xCA);
    const __m512i t1 =
        _mm512_add_epi32(_mm512_add_epi32(_mm512_add_epi32(v[(7 - i) & 7], k), s1), choice);
    const __m512i s0 =
        xor_of(_mm512_ror_epi32(a, 2), _mm512_ror_epi32(a, 13), _mm512_ror_epi32(a, 22));
    const __m512i majority = _mm512_ternarylogic_epi32(a, b, c, 0xE8);
    v[(3 - i) & 7] = _mm512_add_epi32(v[(3 - i) & 7], t1);
    v[(7 - i) & 7] = _mm512_add_epi32(t1, _mm512_add_epi32(s0, majority));
}

ASSAY_512 void compress(uint32_t (*states)[8], const uint8_t* const* blocks, size_t count) {
    alignas(64) uint32_t words[8][16];
    __m512i state[8];
    for (int i = 0; i < 8; ++i) {
        for (int m = 0; m < 16; ++m) words[i][m] = states[m][i];
        state[i] = _mm512_load_si512(words[i]);
    }
    for (size_t block = 0; block < count; ++block) {
        __m512i w[16], v[8];
        load_words(w, blocks, block);
#pragma GCC unroll 8
        for (int i = 0; i < 8; ++i) v[i] = state[i];
        for (int part = 0; part < 4; ++part) {
#pragma GCC unroll 16
            for (int i = 0; i < 16; ++i) {
                if (part > 0) grow(w, i);
                round_of(v, w[i], kSha256Rounds[16 * part + i], i);
            }
        }
#pragma GCC unroll 8
        for (int i = 0; i < 8; ++i) state[i] = _mm512_add_epi32(state[i], v[i]);
    }
    for (int i = 0; i < 8; ++i) {
        _mm512_store_si512(words[i], state[i]);
        for (int m = 0; m < 16; ++m) states[m][i] = words[i][m];
    }
}

}  // namespace

Sha256Lanes sha256_lanes_sixteen() {
    const bool here =
        __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0;
    return {16, here ? compress : nullptr};
}

}  // namespace assay::compute

#else

namespace assay::compute {
Sha256Lanes sha256_lanes_sixteen() {
    return {16, nullptr};
}
}  // namespace assay::compute

#endif
