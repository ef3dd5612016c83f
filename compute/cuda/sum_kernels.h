// Exact sums over whole tensors and columns by many blocks, and the optimiser. Maxima and integer
// sums meet in memory by atomics: they have no order. Errors: see block.h.
#pragma once

#include "compute/cuda/layer_kernels.h"
#include "compute/kernels/adamw_factors.h"

namespace assay::compute::gpu {

inline constexpr int64_t kSpan = 8192;  // values a block joins before it meets the others

// *top = max of |x|; zero before.
struct MaxAbs {
    const float* x;
    int64_t n;
    uint32_t* top;
    template <class Block>
    ASSAY_HD void operator()(const Block& block) const {
        const float* at = x + block.index() * kSpan;
        const uint32_t found = block.max_bits(least(kSpan, n - block.index() * kSpan),
                                              [&](int64_t i) { return abs_bits(at[i]); });
        block.note(found);
        block.once([&] { block.atomic_max(top, found); });
    }
};

// *sum += rne(x * up) for the scale of *top; squares: of x * x, whose largest is top * top.
struct SumAll {
    const float* x;
    int64_t n;
    const uint32_t* top;
    bool squares;
    int64_t* sum;
    static ASSAY_HD uint32_t top_bits(uint32_t top, bool squares) {
        return squares ? abs_bits(from_bits(top) * from_bits(top)) : top;
    }
    template <class Block>
    ASSAY_HD void operator()(const Block& block) const {
        const uint32_t bits = top_bits(*top, squares);
        block.note(bits);
        const SumScale scale = sum_scale(bits);
        if (scale.up == 0.0F) return;
        const float* at = x + block.index() * kSpan;
        const int64_t found = block.sum(least(kSpan, n - block.index() * kSpan), [&](int64_t i) {
            return int64_t{rne((squares ? at[i] * at[i] : at[i]) * scale.up)};
        });
        block.once([&] { block.atomic_add(sum, found); });
    }
};

// out[0] = the float of the sum, divided by `divisor`, or its root. One block.
struct FinishSum {
    const uint32_t* top;
    const int64_t* sum;
    float divisor;  // 1 leaves the sum as it is
    bool norm;      // of squares: the square root
    float* out;
    template <class Block>
    ASSAY_HD void operator()(const Block& block) const {
        block.once([&] {
            const SumScale scale = sum_scale(SumAll::top_bits(*top, norm));
            float value = scale.up == 0.0F ? 0.0F : sum_result(*sum, scale);
            block.note(abs_bits(value));
            if (norm) value = scale.up == 0.0F ? 0.0F : sqrt32(value);
            out[0] = divisor == 1.0F ? value : value / divisor;
        });
    }
};

// Columns of x, or of x * y where y is given: a block takes kBlockThreads columns and kRows rows.
struct Columns {
    static constexpr int64_t kRows = 256;
    const float *x, *y;
    int64_t rows, cols;
    uint32_t* tops;  // zero before
    int64_t* sums;   // null: the first pass, which finds tops
    ASSAY_HD int64_t blocks() const {
        return (cols + kBlockThreads - 1) / kBlockThreads * ((rows + kRows - 1) / kRows);
    }
    ASSAY_HD float value(int64_t r, int64_t c) const {
        const float v = x[r * cols + c];
        return y == nullptr ? v : v * y[r * cols + c];
    }
    template <class Block>
    ASSAY_HD void operator()(const Block& block) const {
        const int64_t across = (cols + kBlockThreads - 1) / kBlockThreads;
        const int64_t first = block.index() % across * kBlockThreads;
        const int64_t from = block.index() / across * kRows, stop = least(rows, from + kRows);
        block.each(least(kBlockThreads, cols - first), [&](int64_t i) {
            const int64_t c = first + i;
            if (sums == nullptr) {
                uint32_t top = 0;
                for (int64_t r = from; r < stop; ++r) {
                    const uint32_t bits = abs_bits(value(r, c));
                    top = bits > top ? bits : top;
                }
                block.note(top);
                block.atomic_max(tops + c, top);
                return;
            }
            const SumScale scale = sum_scale(tops[c]);
            int64_t sum = 0;
            for (int64_t r = from; r < stop; ++r) sum += rne(value(r, c) * scale.up);
            block.atomic_add(sums + c, sum);
        });
    }
};

// One parameter tensor; the norm of all gradients is known.
struct AdamW {
    float* w;
    const float* g;
    float *m, *v;
    AdamWFactors factors;
    float clip;
    const float* norm;
    ASSAY_HD uint32_t operator()(int64_t i) const {
        AdamWFactors f = factors;
        set_clip(f, clip, *norm);
        const float grad = f.clip ? g[i] * f.clip_factor : g[i];
        const float first = f.beta1 * m[i] + f.c1 * grad;
        const float second = f.beta2 * v[i] + f.c2 * (grad * grad);
        const float update = (first * f.k1) / (sqrt32(second * f.k2) + f.eps);
        const float next = (w[i] - f.lr * update) - f.lr_decay * w[i];
        m[i] = first;
        v[i] = second;
        w[i] = next;
        return abs_bits(next);
    }
};

}  // namespace assay::compute::gpu
