// Layers of llama models for any lane type: RMSNorm, SwiGLU, rotary positions. Internal to kernel
// files. Threads: pure. Errors: see kernel_table.h.
#pragma once

#include "compute/kernels/kernel_table.h"
#include "compute/kernels/reduce_kernels.h"
#include "compute/kernels/vector_loop.h"

namespace assay::compute {

template <class L>
struct LlamaKernels {
    using F = typename L::F;

    static Bits rmsnorm(const float* x, const float* gain, float eps, int64_t rows, int64_t cols,
                        float* y, float* xhat, float* rstd) {
        Fault<ScalarLanes> faults;
        const auto n = static_cast<float>(cols);
        for (int64_t r = 0; r < rows; ++r) {
            const float* row = x + r * cols;
            const ExactSum squares = exact_sum<L>(cols, [&](int64_t i, auto a) ASSAY_BODY {
                const F v = a.load(row + i);
                return L::mul(v, v);
            });
            faults.note(squares.bits);
            rstd[r] = 1.0F / sqrt32(squares.value / n + eps);
            const F rs = L::set(rstd[r]);
            Fault<L> fault;
            for_lanes<L>(cols, [&](int64_t i, auto a) ASSAY_BODY {
                const F hat = L::mul(a.load(row + i), rs);
                const F result = L::mul(hat, a.load(gain + i));
                fault.finite(a.keep(result));
                a.store(xhat + r * cols + i, hat);
                a.store(y + r * cols + i, result);
            });
            faults.note(L::top(fault.bits));
        }
        return faults.top();
    }

    static Bits rmsnorm_grad(const float* dy, const float* gain, const float* xhat,
                             const float* rstd, int64_t rows, int64_t cols, float* dx) {
        Fault<ScalarLanes> faults;
        const auto n = static_cast<float>(cols);
        for (int64_t r = 0; r < rows; ++r) {
            const int64_t at = r * cols;
            const auto scaled = [&](int64_t i, auto a) ASSAY_BODY {
                return L::mul(a.load(dy + at + i), a.load(gain + i));
            };
            const ExactSum sum = exact_sum<L>(cols, [&](int64_t i, auto a) ASSAY_BODY {
                return L::mul(scaled(i, a), a.load(xhat + at + i));
            });
            faults.note(sum.bits);
            const F c = L::set(sum.value / n), rs = L::set(rstd[r]);
            Fault<L> fault;
            for_lanes<L>(cols, [&](int64_t i, auto a) ASSAY_BODY {
                const F d = L::mul(rs, L::sub(scaled(i, a), L::mul(a.load(xhat + at + i), c)));
                fault.finite(a.keep(d));
                a.store(dx + at + i, d);
            });
            faults.note(L::top(fault.bits));
        }
        return faults.top();
    }

    static Bits swiglu(const float* gate, const float* up, int64_t n, float* h) {
        Fault<L> fault;
        for_lanes<L>(n, [&](int64_t i, auto a) ASSAY_BODY {
            const F g = a.load(gate + i);
            const F result = L::mul(L::mul(g, sigmoid_tree<L>(g, fault)), a.load(up + i));
            fault.finite(result);
            a.store(h + i, result);
        });
        return L::top(fault.bits);
    }

    static Bits swiglu_grad(const float* gate, const float* up, const float* dh, int64_t n,
                            float* dgate, float* dup) {
        Fault<L> fault;
        const F one = L::set(1.0F);
        for_lanes<L>(n, [&](int64_t i, auto a) ASSAY_BODY {
            const F g = a.load(gate + i), d = a.load(dh + i);
            const F s = sigmoid_tree<L>(g, fault);
            const F slope = L::mul(s, L::add(one, L::mul(g, L::sub(one, s))));
            const F to_gate = L::mul(L::mul(d, a.load(up + i)), slope);
            const F to_up = L::mul(d, L::mul(g, s));
            fault.finite(to_gate);
            fault.finite(to_up);
            a.store(dgate + i, to_gate);
            a.store(dup + i, to_up);
        });
        return L::top(fault.bits);
    }

    // One row: its q, k, v and angles to its qkv.
    static Bits rotary(const RotaryRow& row, const float* q, const float* k, const float* v,
                       float* qkv) {
        Bits bits = 0;
        const int64_t group = row.heads / row.kv_heads;
        float* const to_k = qkv + row.heads * row.head_dim;
        float* const to_v = to_k + row.heads * row.head_dim;
        for (int64_t h = 0; h < row.heads; ++h) {
            const int64_t to = h * row.head_dim, of = h / group * row.head_dim;
            bits = larger(bits, turn<false>(row, q + to, qkv + to));
            bits = larger(bits, turn<false>(row, k + of, to_k + to));
            for_lanes<L>(row.head_dim, [&](int64_t i, auto a) ASSAY_BODY {
                a.store(to_v + to + i, a.load(v + of + i));
            });
        }
        return bits;
    }

    static Bits rotary_grad(const RotaryRow& row, const float* dqkv, float* dq, float* dk,
                            float* dv, float* scratch) {
        Bits bits = 0;
        const int64_t group = row.heads / row.kv_heads, width = row.heads * row.head_dim;
        for (int64_t h = 0; h < row.heads; ++h)
            bits = larger(bits, turn<true>(row, dqkv + h * row.head_dim, dq + h * row.head_dim));
        for (int64_t h = 0; h < row.kv_heads; ++h) {
            const int64_t of = h * row.head_dim, from = h * group * row.head_dim;
            const auto sum = [&](const float* at, float* out) {
                return ReduceKernels<L>::column_sums(at, nullptr, group, row.head_dim, 0,
                                                     row.head_dim, out);
            };
            bits = larger(bits, sum(dqkv + width + from, scratch));
            if (bits >= kInfinityBits) return bits;  // scratch is not written
            bits = larger(bits, turn<true>(row, scratch, dk + of));
            bits = larger(bits, sum(dqkv + 2 * width + from, dv + of));
        }
        return bits;
    }

private:
    static ASSAY_HD Bits larger(Bits a, Bits b) { return a > b ? a : b; }

    // (a, b) -> (a cos - b sin, b cos + a sin); back: with the sines negated.
    template <bool kBack>
    static ASSAY_HD Bits turn(const RotaryRow& row, const float* x, float* out) {
        const int64_t half = row.head_dim / 2;
        Fault<L> fault;
        for_lanes<L>(half, [&](int64_t i, auto access) ASSAY_BODY {
            const F a = access.load(x + i), b = access.load(x + half + i);
            const F cos = access.load(row.table + i), sin = access.load(row.table + half + i);
            const F ac = L::mul(a, cos), as = L::mul(a, sin);
            const F bc = L::mul(b, cos), bs = L::mul(b, sin);
            const F first = kBack ? L::add(ac, bs) : L::sub(ac, bs);
            const F second = kBack ? L::sub(bc, as) : L::add(bc, as);
            fault.finite(first);
            fault.finite(second);
            access.store(out + i, first);
            access.store(out + half + i, second);
        });
        return L::top(fault.bits);
    }
};

}  // namespace assay::compute
