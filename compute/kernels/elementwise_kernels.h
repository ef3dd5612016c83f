// Elementwise operations and the optimiser, for any lane type. Internal to kernel files.
// Threads: pure. Errors: see kernel_table.h.
#pragma once

#include "compute/kernels/kernel_table.h"
#include "compute/kernels/vector_loop.h"

namespace assay::compute {

template <class L>
struct ElementwiseKernels {
    using F = typename L::F;

    static Bits gelu(const float* x, int64_t n, float* y) {
        Fault<L> fault;
        for_lanes<L>(n, [&](int64_t i, auto a) ASSAY_BODY {
            const F result = gelu_tree<L>(a.load(x + i), fault);
            fault.finite(result);
            a.store(y + i, result);
        });
        return L::top(fault.bits);
    }

    static Bits gelu_grad(const float* x, const float* dy, int64_t n, float* dx) {
        Fault<L> fault;
        for_lanes<L>(n, [&](int64_t i, auto a) ASSAY_BODY {
            const F result = gelu_grad_tree<L>(a.load(x + i), a.load(dy + i), fault);
            fault.finite(result);
            a.store(dx + i, result);
        });
        return L::top(fault.bits);
    }

    static Bits add(const float* a, const float* b, int64_t n, float* out) {
        Fault<L> fault;
        for_lanes<L>(n, [&](int64_t i, auto access) ASSAY_BODY {
            const F result = L::add(access.load(a + i), access.load(b + i));
            fault.finite(result);
            access.store(out + i, result);
        });
        return L::top(fault.bits);
    }

    static Bits adamw(float* w, const float* g, float* m, float* v, int64_t n,
                      const AdamWFactors& f) {
        Fault<L> fault;
        const F factor = L::set(f.clip_factor), beta1 = L::set(f.beta1), beta2 = L::set(f.beta2);
        const F c1 = L::set(f.c1), c2 = L::set(f.c2), k1 = L::set(f.k1), k2 = L::set(f.k2);
        const F eps = L::set(f.eps), lr = L::set(f.lr), lr_decay = L::set(f.lr_decay);
        for_lanes<L>(n, [&](int64_t i, auto a) ASSAY_BODY {
            F grad = a.load(g + i);
            if (f.clip) grad = L::mul(grad, factor);
            const F first = L::add(L::mul(beta1, a.load(m + i)), L::mul(c1, grad));
            const F second = L::add(L::mul(beta2, a.load(v + i)), L::mul(c2, L::mul(grad, grad)));
            const F update = L::div(L::mul(first, k1), L::add(L::sqrt(L::mul(second, k2)), eps));
            const F value = a.load(w + i);
            const F next = L::sub(L::sub(value, L::mul(lr, update)), L::mul(lr_decay, value));
            fault.finite(a.keep(next));
            a.store(m + i, first);
            a.store(v + i, second);
            a.store(w + i, next);
        });
        return L::top(fault.bits);
    }
};

}  // namespace assay::compute
