// Scalars of OFA-1 (docs/arithmetic.md): the one header of scalar operations for host and device.
//
// Every function is one correctly rounded binary32 operation, an exact bit manipulation, or a tree
// of those; nothing comes from a maths library. The function trees themselves are in trees.h,
// written once for any number of lanes; the *32 functions here are those trees on one lane.
// Threads: pure functions. Errors: a value outside a domain sets the caller's fault, never throws.
// Everything is force-inlined, so an object file built for a newer instruction set leaves no shared
// copy behind that an older machine could be linked to.
#pragma once

#include <cstdint>

#if defined(__CUDACC__)
#define ASSAY_HD __host__ __device__ __forceinline__
#else
#define ASSAY_HD inline __attribute__((always_inline))
#endif

namespace assay::compute {

inline constexpr uint32_t kInfinityBits = 0x7F800000;

ASSAY_HD uint32_t to_bits(float x) {
    return __builtin_bit_cast(uint32_t, x);
}
ASSAY_HD float from_bits(uint32_t bits) {
    return __builtin_bit_cast(float, bits);
}
ASSAY_HD uint32_t abs_bits(float x) {
    return to_bits(x) & 0x7FFFFFFFU;
}
ASSAY_HD bool is_finite(float x) {
    return abs_bits(x) < kInfinityBits;
}

// 2^e for -126 <= e <= 127.
ASSAY_HD float pow2(int e) {
    return from_bits(static_cast<uint32_t>(e + 127) << 23);
}
// floor(log2 m) of a normal positive float, from its bits.
ASSAY_HD int ilogb_bits(uint32_t bits) {
    return static_cast<int>(bits >> 23) - 127;
}

// Nearest integer, ties to even; |x| <= 2^30.
ASSAY_HD int32_t rne(float x) {
#if defined(__CUDA_ARCH__)
    return __float2int_rn(x);  // one instruction
#endif
    constexpr float kTwo23 = 8388608.0F;  // from here on every float is an integer
    if (x >= kTwo23 || x <= -kTwo23) return static_cast<int32_t>(x);
    return static_cast<int32_t>(x < 0 ? (x - kTwo23) + kTwo23 : (x + kTwo23) - kTwo23);
}

// Nearest float of an integer, ties to even. C++ leaves the rounding to the machine; every machine
// of interest converts in the current mode, round to nearest even.
ASSAY_HD float int_to_f32(int64_t s) {
    return static_cast<float>(s);
}

ASSAY_HD float sqrt32(float x) {
#if defined(__CUDA_ARCH__)
    return __fsqrt_rn(x);
#else
    return __builtin_sqrtf(x);
#endif
}  // one instruction, -fno-math-errno

// ---- exact sums (SPEC 2) ----
inline constexpr uint32_t kTinySumBits = (127U - 90U) << 23;  // 2^-90
inline constexpr int kSumBits = 29;

// The scale of an exact sum whose largest magnitude has these bits.
struct SumScale {
    float up = 0, down = 0;  // both 0: the sum is +0
};
ASSAY_HD SumScale sum_scale(uint32_t max_bits) {
    if (max_bits < kTinySumBits || max_bits >= kInfinityBits) return {};
    const int e = ilogb_bits(max_bits);
    return {pow2(kSumBits - e), pow2(e - kSumBits)};
}
ASSAY_HD float sum_result(int64_t s, SumScale scale) {
    return int_to_f32(s) * scale.down;
}

// ---- quantisation of one row or column of a product (SPEC 3) ----
inline constexpr uint32_t kTinyRowBits = (127U - 60U) << 23;  // 2^-60
ASSAY_HD int32_t slice_limit(int slices) {
    return slices == 1 ? 127 : slices == 2 ? 8127 : 1040319;
}
ASSAY_HD int slice_top(int slices) {
    return slices == 1 ? 6 : slices == 2 ? 12 : 19;
}

// Exponent e of x ~ q * 2^e for a row whose largest magnitude has these bits; zero: all q are 0.
struct RowScale {
    int e = 0;
    bool zero = true;
};
ASSAY_HD RowScale row_scale(uint32_t max_bits, int slices) {
    if (max_bits < kTinyRowBits || max_bits >= kInfinityBits) return {};
    int e = ilogb_bits(max_bits) - slice_top(slices);
    if (from_bits(max_bits) * pow2(-e) > static_cast<float>(slice_limit(slices))) ++e;
    return {e, false};
}

// ---- one lane ----
// The same names in lanes_avx2.h act on eight. M: what a comparison gives.
struct ScalarLanes {
    using F = float;
    using I = int32_t;
    using M = bool;
    static constexpr int kWidth = 1;

    static ASSAY_HD F set(float x) { return x; }
    static ASSAY_HD F load(const float* p) { return *p; }
    static ASSAY_HD F load_some(const float* p, int64_t) { return *p; }
    static ASSAY_HD void store(float* p, F x) { *p = x; }
    static ASSAY_HD void store_some(float* p, F x, int64_t) { *p = x; }
    static ASSAY_HD F keep(F x, int64_t) { return x; }
    static ASSAY_HD F select_some(F x, F, int64_t) { return x; }

    static ASSAY_HD F add(F a, F b) { return a + b; }
    static ASSAY_HD F sub(F a, F b) { return a - b; }
    static ASSAY_HD F mul(F a, F b) { return a * b; }
    static ASSAY_HD F div(F a, F b) { return a / b; }
    static ASSAY_HD F sqrt(F a) { return sqrt32(a); }
    static ASSAY_HD F min(F a, F b) { return a < b ? a : b; }
    static ASSAY_HD F max(F a, F b) { return a > b ? a : b; }
    static ASSAY_HD F abs(F a) { return from_bits(abs_bits(a)); }
    static ASSAY_HD F negate(F a) { return from_bits(to_bits(a) ^ 0x80000000U); }
    static ASSAY_HD M less(F a, F b) { return a < b; }
    static ASSAY_HD F select(M m, F a, F b) { return m ? a : b; }

    static ASSAY_HD I zero_int() { return 0; }
    static ASSAY_HD I to_int(F x) { return rne(x); }
    static ASSAY_HD F scale_of(I n) { return pow2(n); }
    static ASSAY_HD I magnitude(F x) { return static_cast<I>(abs_bits(x)); }
    static ASSAY_HD I max_int(I a, I b) { return a > b ? a : b; }
    static ASSAY_HD I all_bits(M m) { return m ? 0x7FFFFFFF : 0; }
    static ASSAY_HD uint32_t top(I a) { return static_cast<uint32_t>(a); }
    static ASSAY_HD F top(F a) { return a; }
    static ASSAY_HD void store_magnitudes(uint32_t* p, I a) { *p = static_cast<uint32_t>(a); }

    struct Sum {  // exact, int64
        int64_t s = 0;
        ASSAY_HD void add(I q) { s += q; }
        ASSAY_HD int64_t total() const { return s; }
        ASSAY_HD void add_lanes_to(int64_t* p, int64_t) const { *p += s; }
    };
};

}  // namespace assay::compute
