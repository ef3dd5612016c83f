// The elementary functions of OFA-1 as trees of single binary32 operations, written once for any
// lane type L (ScalarLanes here and on a GPU, Avx2Lanes in kernels/).
//
// Threads: pure. Errors: a non-finite value or one outside the domain is recorded in Fault<L>; the
// result is then unspecified. Polynomials: Cephes' single-precision minimax coefficients.
#pragma once

#include "compute/arithmetic/scalar.h"

namespace assay::compute {

// Remembers whether any value seen was non-finite or out of domain: the largest magnitude's bits.
template <class L>
struct Fault {
    typename L::I bits = L::zero_int();
    ASSAY_HD void finite(typename L::F x) { bits = L::max_int(bits, L::magnitude(x)); }
    ASSAY_HD void when(typename L::M bad) { bits = L::max_int(bits, L::all_bits(bad)); }
    // Joins what another check found (float bits of a magnitude).
    ASSAY_HD void note(uint32_t other) {
        bits = L::max_int(bits, static_cast<typename L::I>(other));
    }
    ASSAY_HD uint32_t top() const { return L::top(bits); }
    ASSAY_HD bool any() const { return top() >= kInfinityBits; }
};

// Nearest integral value, ties to even; right for |x| < 2^22, which every caller's domain implies.
template <class L>
ASSAY_HD typename L::F nearest(typename L::F x) {
    const auto magic = L::set(12582912.0F);  // 1.5 * 2^23
    return L::sub(L::add(x, magic), magic);
}

// a * b + c, two roundings.
template <class L>
ASSAY_HD typename L::F mul_add(typename L::F a, typename L::F b, typename L::F c) {
    return L::add(L::mul(a, b), c);
}

template <class L>
ASSAY_HD typename L::F exp_tree(typename L::F x, Fault<L>& fault) {
    using F = typename L::F;
    const auto c = [](double v) { return L::set(static_cast<float>(v)); };
    fault.finite(x);
    fault.when(L::less(L::set(88.0F), x));
    const F n = nearest<L>(L::mul(x, c(1.44269504088896341)));
    const F r = L::sub(L::sub(x, L::mul(n, c(0.693359375))), L::mul(n, c(-2.12194440e-4)));
    F y = c(1.9875691500e-4);
    y = mul_add<L>(y, r, c(1.3981999507e-3));
    y = mul_add<L>(y, r, c(8.3334519073e-3));
    y = mul_add<L>(y, r, c(4.1665795894e-2));
    y = mul_add<L>(y, r, c(1.6666665459e-1));
    y = mul_add<L>(y, r, c(5.0000001201e-1));
    y = L::add(L::add(L::mul(y, L::mul(r, r)), r), L::set(1.0F));
    // min first: a NaN or huge n becomes a legal exponent, its result is a fault or selected away
    const F clipped = L::max(L::min(n, L::set(127.0F)), L::set(-126.0F));
    const F scaled = L::mul(y, L::scale_of(L::to_int(clipped)));
    return L::select(L::less(x, L::set(-87.0F)), L::set(0.0F), scaled);
}

template <class L>
ASSAY_HD typename L::F tanh_tree(typename L::F x, Fault<L>& fault) {
    using F = typename L::F;
    const auto c = [](double v) { return L::set(static_cast<float>(v)); };
    fault.finite(x);
    const F one = L::set(1.0F), nine = L::set(9.0F);
    const F a = L::abs(x);
    const F z = L::mul(x, x);
    F p = c(-5.70498872745e-3);
    p = mul_add<L>(p, z, c(2.06390887954e-2));
    p = mul_add<L>(p, z, c(-5.37397155531e-2));
    p = mul_add<L>(p, z, c(1.33314422036e-1));
    p = mul_add<L>(p, z, c(-3.33332819422e-1));
    const F small = L::add(L::mul(L::mul(p, z), x), x);
    const F b = L::min(a, nine);
    const F e = exp_tree<L>(L::add(b, b), fault);
    F big = L::sub(one, L::div(L::set(2.0F), L::add(e, one)));
    big = L::select(L::less(nine, a), one, big);
    big = L::select(L::less(x, L::set(0.0F)), L::negate(big), big);
    return L::select(L::less(a, c(0.625)), small, big);
}

// The argument of GELU's tanh.
template <class L>
ASSAY_HD typename L::F gelu_inner(typename L::F x) {
    const auto c = [](double v) { return L::set(static_cast<float>(v)); };
    const auto cube = L::mul(L::mul(x, x), x);
    return L::mul(c(0.7978845608), L::add(x, L::mul(c(0.044715), cube)));
}

template <class L>
ASSAY_HD typename L::F gelu_tree(typename L::F x, Fault<L>& fault) {
    const auto t = tanh_tree<L>(gelu_inner<L>(x), fault);
    return L::mul(L::mul(L::set(0.5F), x), L::add(L::set(1.0F), t));
}

template <class L>
ASSAY_HD typename L::F gelu_grad_tree(typename L::F x, typename L::F dy, Fault<L>& fault) {
    using F = typename L::F;
    const auto c = [](double v) { return L::set(static_cast<float>(v)); };
    const F one = L::set(1.0F), half = L::set(0.5F);
    const F t = tanh_tree<L>(gelu_inner<L>(x), fault);
    const F d = L::mul(c(0.7978845608), L::add(one, L::mul(c(0.134145), L::mul(x, x))));
    const F outer = L::mul(half, L::add(one, t));
    const F inner = L::mul(L::mul(L::mul(half, x), L::sub(one, L::mul(t, t))), d);
    return L::mul(dy, L::add(outer, inner));
}

// 1 / (1 + exp(-x)), arguments held at -87 from below on both sides.
template <class L>
ASSAY_HD typename L::F sigmoid_tree(typename L::F x, Fault<L>& fault) {
    const auto least = L::set(-87.0F), one = L::set(1.0F);
    fault.finite(x);
    const auto minus = L::max(L::negate(L::max(x, least)), least);
    return L::div(one, L::add(one, exp_tree<L>(minus, fault)));
}

// ---- one lane ----
ASSAY_HD float exp32(float x, bool& fault) {
    Fault<ScalarLanes> f;
    const float y = exp_tree<ScalarLanes>(x, f);
    fault |= f.any();
    return y;
}
ASSAY_HD float tanh32(float x, bool& fault) {
    Fault<ScalarLanes> f;
    const float y = tanh_tree<ScalarLanes>(x, f);
    fault |= f.any();
    return y;
}
ASSAY_HD float gelu32(float x, bool& fault) {
    Fault<ScalarLanes> f;
    const float y = gelu_tree<ScalarLanes>(x, f);
    f.finite(y);
    fault |= f.any();
    return y;
}
ASSAY_HD float gelu_grad32(float x, float dy, bool& fault) {
    Fault<ScalarLanes> f;
    const float dx = gelu_grad_tree<ScalarLanes>(x, dy, f);
    f.finite(dx);
    fault |= f.any();
    return dx;
}

ASSAY_HD float sigmoid32(float x, bool& fault) {
    Fault<ScalarLanes> f;
    const float y = sigmoid_tree<ScalarLanes>(x, f);
    fault |= f.any();
    return y;
}

// Natural logarithm of a normal positive value.
ASSAY_HD float log32(float x, bool& fault) {
    const uint32_t bits = to_bits(x);
    if (!(x >= pow2(-126)) || bits >= kInfinityBits) {
        fault = true;
        return 0.0F;
    }
    float m = from_bits((bits & 0x007FFFFFU) | 0x3F000000U);  // x = m * 2^e, m in [0.5, 1)
    float e = static_cast<float>(ilogb_bits(bits) + 1);
    const bool low = m < static_cast<float>(0.707106781186547524);
    e = low ? e - 1.0F : e;
    m = low ? (m + m) - 1.0F : m - 1.0F;
    const float z = m * m;
    float y = static_cast<float>(7.0376836292e-2);
    y = y * m + static_cast<float>(-1.1514610310e-1);
    y = y * m + static_cast<float>(1.1676998740e-1);
    y = y * m + static_cast<float>(-1.2420140846e-1);
    y = y * m + static_cast<float>(1.4249322787e-1);
    y = y * m + static_cast<float>(-1.6668057665e-1);
    y = y * m + static_cast<float>(2.0000714765e-1);
    y = y * m + static_cast<float>(-2.4999993993e-1);
    y = y * m + static_cast<float>(3.3333331174e-1);
    y = (y * m) * z;
    y = y + e * static_cast<float>(-2.12194440e-4);
    y = y - 0.5F * z;
    return (m + y) + e * static_cast<float>(0.693359375);
}

}  // namespace assay::compute
