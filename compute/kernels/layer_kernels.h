// Row-wise layers: LayerNorm, causal softmax, cross-entropy, for any lane type. Internal to kernel
// files. Threads: pure. Errors: see kernel_table.h.
#pragma once

#include "compute/kernels/kernel_table.h"
#include "compute/kernels/vector_loop.h"

namespace assay::compute {

template <class L>
struct LayerKernels {
    using F = typename L::F;

    static Bits layernorm(const float* x, const float* gain, const float* bias, int64_t rows,
                          int64_t cols, float* y, float* xhat, float* rstd) {
        Fault<ScalarLanes> faults;
        for (int64_t r = 0; r < rows; ++r) {
            note(faults, layernorm_row(x + r * cols, gain, bias, cols, y + r * cols,
                                       xhat + r * cols, rstd + r));
        }
        return faults.top();
    }

    static Bits layernorm_grad(const float* dy, const float* gain, const float* xhat,
                               const float* rstd, int64_t rows, int64_t cols, float* dx) {
        Fault<ScalarLanes> faults;
        const auto n = static_cast<float>(cols);
        for (int64_t r = 0; r < rows; ++r) {
            const float* up = dy + r * cols;
            const float* hat = xhat + r * cols;
            float* out = dx + r * cols;
            const auto scaled = [&](int64_t i, auto a)
                                    ASSAY_BODY { return L::mul(a.load(up + i), a.load(gain + i)); };
            const ExactSum s1 = exact_sum<L>(cols, scaled);
            const ExactSum s2 = exact_sum<L>(cols, [&](int64_t i, auto a) ASSAY_BODY {
                return L::mul(scaled(i, a), a.load(hat + i));
            });
            note(faults, s1.bits);
            note(faults, s2.bits);
            const F c1 = L::set(s1.value / n), c2 = L::set(s2.value / n), rs = L::set(rstd[r]);
            Fault<L> fault;
            for_lanes<L>(cols, [&](int64_t i, auto a) ASSAY_BODY {
                const F centred = L::sub(scaled(i, a), c1);
                const F d = L::mul(rs, L::sub(centred, L::mul(a.load(hat + i), c2)));
                fault.finite(a.keep(d));
                a.store(out + i, d);
            });
            note(faults, L::top(fault.bits));
        }
        return faults.top();
    }

    static Bits softmax(float* s, int64_t n, int64_t total, float scale, float* p) {
        Fault<L> fault;
        const F by = L::set(scale);
        F best = L::mul(L::set(s[0]), by);
        for_lanes<L>(n, [&](int64_t i, auto a) ASSAY_BODY {
            const F value = L::mul(a.load(s + i), by);
            fault.finite(value);
            a.store(s + i, value);
        });
        for_lanes<L>(n, [&](int64_t i, auto a)
                            ASSAY_BODY { best = L::max(best, a.select(a.load(s + i), best)); });
        const F top = L::set(L::top(best));
        for_lanes<L>(n, [&](int64_t i, auto a) ASSAY_BODY {
            a.store(p + i, exp_tree<L>(a.keep(L::sub(a.load(s + i), top)), fault));
        });
        const ExactSum sum =
            exact_sum<L>(n, [&](int64_t i, auto a) ASSAY_BODY { return a.load(p + i); });
        const F l = L::set(sum.value);
        for_lanes<L>(
            n, [&](int64_t i, auto a) ASSAY_BODY { a.store(p + i, L::div(a.load(p + i), l)); });
        for (int64_t i = n; i < total; ++i) p[i] = 0.0F;
        const Bits bits = L::top(fault.bits);
        return sum.bits > bits ? sum.bits : bits;
    }

    static Bits softmax_grad(const float* p, const float* dp, int64_t n, int64_t total, float scale,
                             float* ds) {
        const ExactSum sum = exact_sum<L>(
            n, [&](int64_t i, auto a) ASSAY_BODY { return L::mul(a.load(p + i), a.load(dp + i)); });
        const F c = L::set(sum.value), by = L::set(scale);
        Fault<L> fault;
        for_lanes<L>(n, [&](int64_t i, auto a) ASSAY_BODY {
            const F d = L::mul(L::mul(a.load(p + i), L::sub(a.load(dp + i), c)), by);
            fault.finite(a.keep(d));
            a.store(ds + i, d);
        });
        for (int64_t i = n; i < total; ++i) ds[i] = 0.0F;
        const Bits bits = L::top(fault.bits);
        return sum.bits > bits ? sum.bits : bits;
    }

    static Bits cross_entropy(const float* logits, const int32_t* target, int64_t rows,
                              int64_t classes, float count, float* losses, float* dlogits) {
        Fault<ScalarLanes> faults;
        for (int64_t r = 0; r < rows; ++r) {
            note(faults, cross_entropy_row(logits + r * classes, target[r], classes, count,
                                           losses + r, dlogits + r * classes));
        }
        return faults.top();
    }

private:
    static ASSAY_HD void note(Fault<ScalarLanes>& faults, Bits bits) { faults.note(bits); }

    static ASSAY_HD Bits layernorm_row(const float* x, const float* gain, const float* bias,
                                       int64_t cols, float* y, float* xhat, float* rstd) {
        const auto n = static_cast<float>(cols);
        const ExactSum sum =
            exact_sum<L>(cols, [&](int64_t i, auto a) ASSAY_BODY { return a.load(x + i); });
        const F mean = L::set(sum.value / n);
        const ExactSum squares = exact_sum<L>(cols, [&](int64_t i, auto a) ASSAY_BODY {
            const F d = L::sub(a.load(x + i), mean);
            return L::mul(d, d);
        });
        const float variance = squares.value / n;
        *rstd = 1.0F / sqrt32(variance + static_cast<float>(1e-5));
        const F rs = L::set(*rstd);
        Fault<L> fault;
        for_lanes<L>(cols, [&](int64_t i, auto a) ASSAY_BODY {
            const F hat = L::mul(L::sub(a.load(x + i), mean), rs);
            const F result = L::add(L::mul(hat, a.load(gain + i)), a.load(bias + i));
            fault.finite(a.keep(result));
            a.store(xhat + i, hat);
            a.store(y + i, result);
        });
        Fault<ScalarLanes> all;
        all.note(sum.bits);
        all.note(squares.bits);
        all.note(L::top(fault.bits));
        return all.top();
    }

    static ASSAY_HD Bits cross_entropy_row(const float* logits, int32_t target, int64_t classes,
                                           float count, float* loss, float* dlogits) {
        Fault<L> fault;
        F best = L::set(logits[0]);
        for_lanes<L>(classes, [&](int64_t i, auto a) ASSAY_BODY {
            const F value = a.load(logits + i);
            fault.finite(value);
            best = L::max(best, a.select(value, best));
        });
        const float m = L::top(best);
        const F top = L::set(m);
        for_lanes<L>(classes, [&](int64_t i, auto a) ASSAY_BODY {
            const F shifted = a.keep(L::sub(a.load(logits + i), top));
            a.store(dlogits + i, exp_tree<L>(shifted, fault));
        });
        const ExactSum sum = exact_sum<L>(
            classes, [&](int64_t i, auto a) ASSAY_BODY { return a.load(dlogits + i); });
        bool out_of_domain = false;
        *loss = (log32(sum.value, out_of_domain) + m) - logits[target];
        const F l = L::set(sum.value), n = L::set(count);
        const float at_target = dlogits[target] / sum.value - 1.0F;
        for_lanes<L>(classes, [&](int64_t i, auto a) ASSAY_BODY {
            a.store(dlogits + i, L::div(L::div(a.load(dlogits + i), l), n));
        });
        dlogits[target] = at_target / count;
        Fault<ScalarLanes> all;
        all.note(L::top(fault.bits));
        all.note(sum.bits);
        all.finite(*loss);
        all.when(out_of_domain);
        return all.top();
    }
};

}  // namespace assay::compute
