// Loops over n floats in whole vectors of lane type L, with one partial vector at the end.
//
// Internal to the kernel files. The body is called with the first index and an Access that loads,
// stores and masks either all lanes or the first few. Threads: pure. Errors: none.
#pragma once

#include <cstdint>

#include "compute/arithmetic/trees.h"

#define ASSAY_BODY __attribute__((always_inline))
#if defined(__clang__)
#define ASSAY_UNROLL_ALL _Pragma("unroll")
#else
#define ASSAY_UNROLL_ALL _Pragma("GCC unroll 16")
#endif

namespace assay::compute {

template <class L>
struct AllLanes {
    using F = typename L::F;
    ASSAY_HD F load(const float* p) const { return L::load(p); }
    ASSAY_HD void store(float* p, F x) const { L::store(p, x); }
    ASSAY_HD F keep(F x) const { return x; }
    ASSAY_HD F select(F x, F) const { return x; }
};

template <class L>
struct SomeLanes {
    using F = typename L::F;
    int64_t count;
    ASSAY_HD F load(const float* p) const { return L::load_some(p, count); }  // others 0
    ASSAY_HD void store(float* p, F x) const { L::store_some(p, x, count); }
    ASSAY_HD F keep(F x) const { return L::keep(x, count); }  // others 0
    ASSAY_HD F select(F x, F rest) const { return L::select_some(x, rest, count); }
};

template <class L, class Body>
ASSAY_HD void for_lanes(int64_t n, Body body) {
    int64_t i = 0;
    for (; i + L::kWidth <= n; i += L::kWidth) body(i, AllLanes<L>{});
    if (i < n) body(i, SomeLanes<L>{n - i});
}

// Bits of max |value(i, access)| over n values.
template <class L, class Value>
ASSAY_HD uint32_t max_over(int64_t n, Value value) {
    typename L::I top = L::zero_int();
    for_lanes<L>(n, [&](int64_t i, auto access) ASSAY_BODY {
        top = L::max_int(top, L::magnitude(access.keep(value(i, access))));
    });
    return L::top(top);
}

// Sum of rne(value(i, access) * up) over n values.
template <class L, class Value>
ASSAY_HD int64_t sum_over(int64_t n, float up, Value value) {
    typename L::Sum sum;
    const auto scale = L::set(up);
    for_lanes<L>(n, [&](int64_t i, auto access) ASSAY_BODY {
        sum.add(L::to_int(L::mul(access.keep(value(i, access)), scale)));
    });
    return sum.total();
}

struct ExactSum {
    float value;
    uint32_t bits;  // the largest magnitude met: a fault when not finite
};

// esum of n values; value() is evaluated twice for each.
template <class L, class Value>
ASSAY_HD ExactSum exact_sum(int64_t n, Value value) {
    const uint32_t top = max_over<L>(n, value);
    const SumScale scale = sum_scale(top);
    if (scale.up == 0.0F) return {0.0F, top};
    const float sum = sum_result(sum_over<L>(n, scale.up, value), scale);
    return {sum, abs_bits(sum) > top ? abs_bits(sum) : top};
}

}  // namespace assay::compute
