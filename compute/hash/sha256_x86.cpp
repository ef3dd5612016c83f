// SHA-256 blocks with the x86 SHA instructions; built for them, called only where they exist. Two
// messages in step hide the latency of their rounds.
#include "compute/hash/sha256_blocks.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>

namespace assay::compute {
namespace {

#define ASSAY_SHA __attribute__((target("sha,sse4.1,ssse3")))

// The instructions hold the state as (a b e f) and (c d g h), high word first.
struct Halves {
    __m128i abef, cdgh;
};

ASSAY_SHA inline Halves load_state(const uint32_t* state) {
    const __m128i abcd = _mm_loadu_si128(reinterpret_cast<const __m128i*>(state));
    const __m128i efgh = _mm_loadu_si128(reinterpret_cast<const __m128i*>(state + 4));
    const __m128i badc = _mm_shuffle_epi32(abcd, 0xB1);
    const __m128i hgfe = _mm_shuffle_epi32(efgh, 0x1B);
    return {_mm_alignr_epi8(badc, hgfe, 8), _mm_blend_epi16(hgfe, badc, 0xF0)};
}

ASSAY_SHA inline void store_state(uint32_t* state, const Halves& halves) {
    const __m128i feba = _mm_shuffle_epi32(halves.abef, 0x1B);
    const __m128i dchg = _mm_shuffle_epi32(halves.cdgh, 0xB1);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(state), _mm_blend_epi16(feba, dchg, 0xF0));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}

ASSAY_SHA inline void load_words(__m128i* w, const uint8_t* block) {
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    for (int i = 0; i < 4; ++i)
        w[i] = _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(block) + i), swap);
}

// Rounds 4 i .. 4 i + 3.
ASSAY_SHA inline void four_rounds(Halves& h, __m128i* w, int i) {
    const __m128i k = _mm_loadu_si128(reinterpret_cast<const __m128i*>(kSha256Rounds) + i);
    const __m128i current = w[i & 3];
    __m128i sum = _mm_add_epi32(current, k);
    h.cdgh = _mm_sha256rnds2_epu32(h.cdgh, h.abef, sum);
    sum = _mm_shuffle_epi32(sum, 0x0E);
    h.abef = _mm_sha256rnds2_epu32(h.abef, h.cdgh, sum);
    // Words 4 (i + 4) .. + 3 replace the ones just used.
    const __m128i next = w[(i + 3) & 3];
    __m128i grown = _mm_sha256msg1_epu32(current, w[(i + 1) & 3]);
    grown = _mm_add_epi32(grown, _mm_alignr_epi8(next, w[(i + 2) & 3], 4));
    w[i & 3] = _mm_sha256msg2_epu32(grown, next);
}

template <int kMessages>
ASSAY_SHA void compress(uint32_t* const* states, const uint8_t* const* blocks, size_t count) {
    Halves h[kMessages];
    for (int m = 0; m < kMessages; ++m) h[m] = load_state(states[m]);
    for (size_t block = 0; block < count; ++block) {
        Halves before[kMessages];
        __m128i w[kMessages][4];
#pragma GCC unroll 2
        for (int m = 0; m < kMessages; ++m) {
            before[m] = h[m];
            load_words(w[m], blocks[m] + 64 * block);
        }
#pragma GCC unroll 16
        for (int i = 0; i < 16; ++i) {
#pragma GCC unroll 2
            for (int m = 0; m < kMessages; ++m) four_rounds(h[m], w[m], i);
        }
#pragma GCC unroll 2
        for (int m = 0; m < kMessages; ++m) {
            h[m].abef = _mm_add_epi32(h[m].abef, before[m].abef);
            h[m].cdgh = _mm_add_epi32(h[m].cdgh, before[m].cdgh);
        }
    }
    for (int m = 0; m < kMessages; ++m) store_state(states[m], h[m]);
}

void compress_one(uint32_t* state, const uint8_t* blocks, size_t count) {
    compress<1>(&state, &blocks, count);
}

void compress_two(uint32_t (*states)[8], const uint8_t* const* blocks, size_t count) {
    uint32_t* const each[2] = {states[0], states[1]};
    compress<2>(each, blocks, count);
}

bool here() {
    static const bool kHere = [] {  // asking is slow on a virtual machine
        unsigned a = 0, b = 0, c = 0, d = 0;
        const bool sha = __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & bit_SHA) != 0;
        const bool sse =
            __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_SSE4_1) != 0 && (c & bit_SSSE3) != 0;
        return sha && sse;
    }();
    return kHere;
}

}  // namespace

Sha256Blocks sha256_blocks_native() {
    return here() ? compress_one : nullptr;
}

Sha256Lanes sha256_lanes_pair() {
    return {2, here() ? compress_two : nullptr};
}

}  // namespace assay::compute

#else

namespace assay::compute {
Sha256Blocks sha256_blocks_native() {
    return nullptr;
}
Sha256Lanes sha256_lanes_pair() {
    return {2, nullptr};
}
}  // namespace assay::compute

#endif
