// Layers on blocks: normalisation, softmax, loss, elementwise functions, embedding. One warp a row
// unless said; the trees are those of compute/kernels/layer_kernels.h. Errors: see block.h.
#pragma once

#include "compute/cuda/block.h"

namespace assay::compute::gpu {

using OneFault = Fault<ScalarLanes>;

struct LayerNorm {
    static constexpr bool kOneWarp = true;
    const float *x, *gain, *bias;
    int64_t cols;
    float *y, *xhat, *rstd;
    template <class Block>
    ASSAY_HD void operator()(const Block& block) const {
        const float* row = x + block.index() * cols;
        const auto n = static_cast<float>(cols);
        const BlockSum sum = exact_sum(block, cols, [&](int64_t i) { return row[i]; });
        const float mean = sum.value / n;
        const BlockSum squares = exact_sum(block, cols, [&](int64_t i) {
            const float d = row[i] - mean;
            return d * d;
        });
        const float rs = 1.0F / sqrt32(squares.value / n + static_cast<float>(1e-5));
        block.note(sum.bits);
        block.note(squares.bits);
        block.once([&] { rstd[block.index()] = rs; });
        block.each(cols, [&](int64_t i) {
            const float hat = (row[i] - mean) * rs;
            const float result = hat * gain[i] + bias[i];
            xhat[block.index() * cols + i] = hat;
            y[block.index() * cols + i] = result;
            block.note(abs_bits(result));
        });
    }
};

struct LayerNormGrad {
    static constexpr bool kOneWarp = true;
    const float *dy, *gain, *xhat, *rstd;
    int64_t cols;
    float* dx;
    template <class Block>
    ASSAY_HD void operator()(const Block& block) const {
        const int64_t at = block.index() * cols;
        const auto n = static_cast<float>(cols);
        const auto scaled = [&](int64_t i) { return dy[at + i] * gain[i]; };
        const BlockSum s1 = exact_sum(block, cols, scaled);
        const BlockSum s2 =
            exact_sum(block, cols, [&](int64_t i) { return scaled(i) * xhat[at + i]; });
        block.note(s1.bits);
        block.note(s2.bits);
        const float c1 = s1.value / n, c2 = s2.value / n, rs = rstd[block.index()];
        block.each(cols, [&](int64_t i) {
            const float d = rs * ((scaled(i) - c1) - xhat[at + i] * c2);
            dx[at + i] = d;
            block.note(abs_bits(d));
        });
    }
};

// Row r of a T x T matrix of scores: causal softmax of its first r % T + 1, zeros after.
struct Softmax {
    static constexpr bool kOneWarp = true;
    float* scores;
    int64_t context;
    float scale;
    float* p;
    template <class Block>
    ASSAY_HD void operator()(const Block& block) const {
        const int64_t n = remainder(block.index(), context) + 1;
        float* s = scores + block.index() * context;
        float* out = p + block.index() * context;
        const float best =
            block.max_float(n, s[0] * scale, [&](int64_t i) { return s[i] * scale; });
        block.each(context, [&](int64_t i) {
            if (i >= n) {
                out[i] = 0.0F;
                return;
            }
            const float value = s[i] * scale;
            OneFault fault;
            fault.finite(value);
            out[i] = exp_tree<ScalarLanes>(value - best, fault);
            block.note(fault.top());
        });
        const BlockSum sum = exact_sum(block, n, [&](int64_t i) { return out[i]; });
        block.note(sum.bits);
        block.each(n, [&](int64_t i) { out[i] = out[i] / sum.value; });
    }
};

struct SoftmaxGrad {
    static constexpr bool kOneWarp = true;
    const float *p, *dp;
    int64_t context;
    float scale;
    float* ds;
    template <class Block>
    ASSAY_HD void operator()(const Block& block) const {
        const int64_t n = remainder(block.index(), context) + 1, at = block.index() * context;
        const BlockSum sum = exact_sum(block, n, [&](int64_t i) { return p[at + i] * dp[at + i]; });
        block.note(sum.bits);
        block.each(context, [&](int64_t i) {
            const float d = i < n ? (p[at + i] * (dp[at + i] - sum.value)) * scale : 0.0F;
            ds[at + i] = d;
            block.note(abs_bits(d));
        });
    }
};

struct CrossEntropy {
    const float* logits;
    const int32_t* target;
    int64_t classes;
    float count;
    float *losses, *dlogits;
    template <class Block>
    ASSAY_HD void operator()(const Block& block) const {
        const float* row = logits + block.index() * classes;
        float* out = dlogits + block.index() * classes;
        const int64_t aim = target[block.index()];
        const float best = block.max_float(classes, row[0], [&](int64_t i) { return row[i]; });
        block.each(classes, [&](int64_t i) {
            OneFault fault;
            fault.finite(row[i]);
            out[i] = exp_tree<ScalarLanes>(row[i] - best, fault);
            block.note(fault.top());
        });
        const BlockSum sum = exact_sum(block, classes, [&](int64_t i) { return out[i]; });
        block.note(sum.bits);
        block.once([&] {
            bool out_of_domain = false;
            const float loss = (log32(sum.value, out_of_domain) + best) - row[aim];
            losses[block.index()] = loss;
            block.note(out_of_domain ? kInfinityBits : abs_bits(loss));
        });
        block.each(classes, [&](int64_t i) {
            const float share = out[i] / sum.value;
            out[i] = (i == aim ? share - 1.0F : share) / count;
        });
    }
};

// ---- elementwise: a block takes kRun elements --------------------------------------------------
inline constexpr int64_t kRun = 1024;

template <class Body>
struct Elementwise {
    int64_t n;
    Body body;
    template <class Block>
    ASSAY_HD void operator()(const Block& block) const {
        const int64_t first = block.index() * kRun;
        block.each(least(kRun, n - first), [&](int64_t i) { block.note(body(first + i)); });
    }
};

struct Gelu {
    const float* x;
    float* y;
    ASSAY_HD uint32_t operator()(int64_t i) const {
        OneFault fault;
        y[i] = gelu_tree<ScalarLanes>(x[i], fault);
        fault.finite(y[i]);
        return fault.top();
    }
};

struct GeluGrad {
    const float *x, *dy;
    float* dx;
    ASSAY_HD uint32_t operator()(int64_t i) const {
        OneFault fault;
        dx[i] = gelu_grad_tree<ScalarLanes>(x[i], dy[i], fault);
        fault.finite(dx[i]);
        return fault.top();
    }
};

struct Add {
    const float *a, *b;
    float* out;
    ASSAY_HD uint32_t operator()(int64_t i) const {
        out[i] = a[i] + b[i];
        return abs_bits(out[i]);
    }
};

struct Embedding {
    const float *wte, *wpe;
    const int32_t* tokens;
    int64_t context, cols;
    float* out;
    ASSAY_HD uint32_t operator()(int64_t i) const {
        const int64_t r = i / cols, c = i % cols;
        const float token = wte[tokens[r] * cols + c];
        out[i] = wpe == nullptr ? token : token + wpe[r % context * cols + c];
        return abs_bits(out[i]);
    }
};

struct ScatterAdd {  // the sums' scale comes from `top`
    const float* values;
    const int32_t* index;
    int64_t cols;
    const uint32_t* top;
    int64_t* sums;
    template <class Block>
    ASSAY_HD void add(const Block& block, int64_t i) const {
        const SumScale scale = sum_scale(*top);
        block.atomic_add(sums + index[i / cols] * cols + i % cols, rne(values[i] * scale.up));
    }
};
struct Scatter {
    int64_t n;
    ScatterAdd body;
    template <class Block>
    ASSAY_HD void operator()(const Block& block) const {
        const int64_t first = block.index() * kRun;
        block.each(least(kRun, n - first), [&](int64_t i) { body.add(block, first + i); });
    }
};

// out[i] = the float of sums[i]; the scale of element i comes from top[i * top_stride].
struct FinishSums {
    const uint32_t* top;
    int64_t top_stride;
    const int64_t* sums;
    float* out;
    ASSAY_HD uint32_t operator()(int64_t i) const {
        const SumScale scale = sum_scale(top[i * top_stride]);
        out[i] = scale.up == 0.0F ? 0.0F : sum_result(sums[i], scale);
        return abs_bits(out[i]);
    }
};

}  // namespace assay::compute::gpu
