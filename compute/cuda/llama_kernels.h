// Layers of llama models on blocks: RMSNorm a row a warp, SwiGLU and rotary positions elementwise.
// The trees are those of compute/kernels/llama_kernels.h. Errors: see block.h.
#pragma once

#include "compute/cuda/layer_kernels.h"

namespace assay::compute::gpu {

struct RmsNorm {
    static constexpr bool kOneWarp = true;
    const float *x, *gain;
    float eps;
    int64_t cols;
    float *y, *xhat, *rstd;
    template <class Block>
    ASSAY_HD void operator()(const Block& block) const {
        const int64_t at = block.index() * cols;
        const BlockSum squares =
            exact_sum(block, cols, [&](int64_t i) { return x[at + i] * x[at + i]; });
        const float rs = 1.0F / sqrt32(squares.value / static_cast<float>(cols) + eps);
        block.note(squares.bits);
        block.once([&] { rstd[block.index()] = rs; });
        block.each(cols, [&](int64_t i) {
            const float hat = x[at + i] * rs;
            xhat[at + i] = hat;
            y[at + i] = hat * gain[i];
            block.note(abs_bits(y[at + i]));
        });
    }
};

struct RmsNormGrad {
    static constexpr bool kOneWarp = true;
    const float *dy, *gain, *xhat, *rstd;
    int64_t cols;
    float* dx;
    template <class Block>
    ASSAY_HD void operator()(const Block& block) const {
        const int64_t at = block.index() * cols;
        const BlockSum sum = exact_sum(
            block, cols, [&](int64_t i) { return (dy[at + i] * gain[i]) * xhat[at + i]; });
        block.note(sum.bits);
        const float c = sum.value / static_cast<float>(cols), rs = rstd[block.index()];
        block.each(cols, [&](int64_t i) {
            const float d = rs * (dy[at + i] * gain[i] - xhat[at + i] * c);
            dx[at + i] = d;
            block.note(abs_bits(d));
        });
    }
};

struct SwiGlu {
    const float *gate, *up;
    float* h;
    ASSAY_HD uint32_t operator()(int64_t i) const {
        OneFault fault;
        h[i] = (gate[i] * sigmoid_tree<ScalarLanes>(gate[i], fault)) * up[i];
        fault.finite(h[i]);
        return fault.top();
    }
};

struct SwiGluGrad {
    const float *gate, *up, *dh;
    float *dgate, *dup;
    ASSAY_HD uint32_t operator()(int64_t i) const {
        OneFault fault;
        const float g = gate[i], d = dh[i];
        const float s = sigmoid_tree<ScalarLanes>(g, fault);
        dgate[i] = (d * up[i]) * (s * (1.0F + g * (1.0F - s)));
        dup[i] = d * (g * s);
        fault.finite(dgate[i]);
        fault.finite(dup[i]);
        return fault.top();
    }
};

struct Angles {
    const float* table;
    int64_t context, heads, kv_heads, head_dim;
    ASSAY_HD int64_t half() const { return head_dim / 2; }
    ASSAY_HD float cos(int64_t r, int64_t i) const { return table[r % context * head_dim + i]; }
    ASSAY_HD float sin(int64_t r, int64_t i) const { return cos(r, half() + i); }
};

// Element: one pair (i, i + half) of one head of one row.
struct Rotary {
    Angles angles;
    const float *q, *k, *v;
    float* qkv;
    ASSAY_HD uint32_t operator()(int64_t n) const {
        const int64_t half = angles.half(), dim = angles.head_dim;
        const int64_t i = n % half, h = n / half % angles.heads, r = n / half / angles.heads;
        const int64_t width = angles.heads * dim, kv = angles.kv_heads * dim;
        const int64_t of = r * kv + h / (angles.heads / angles.kv_heads) * dim + i;
        float* to = qkv + r * 3 * width + h * dim + i;
        const float cos = angles.cos(r, i), sin = angles.sin(r, i);
        OneFault fault;
        turn(q + r * width + h * dim + i, half, cos, sin, to, fault);
        turn(k + of, half, cos, sin, to + width, fault);
        to[2 * width] = v[of];
        to[2 * width + half] = v[of + half];
        return fault.top();
    }
    static ASSAY_HD void turn(const float* x, int64_t half, float cos, float sin, float* to,
                              OneFault& fault) {
        const float a = x[0], b = x[half];
        to[0] = a * cos - b * sin;
        to[half] = b * cos + a * sin;
        fault.finite(to[0]);
        fault.finite(to[half]);
    }
};

struct RotaryGradQ {
    Angles angles;
    const float* dqkv;
    float* dq;
    ASSAY_HD uint32_t operator()(int64_t n) const {
        const int64_t half = angles.half(), dim = angles.head_dim;
        const int64_t i = n % half, h = n / half % angles.heads, r = n / half / angles.heads;
        const int64_t width = angles.heads * dim;
        const float* x = dqkv + r * 3 * width + h * dim + i;
        OneFault fault;
        turn_back(x[0], x[half], angles.cos(r, i), angles.sin(r, i), dq + r * width + h * dim + i,
                  half, fault);
        return fault.top();
    }
    static ASSAY_HD void turn_back(float a, float b, float cos, float sin, float* to, int64_t half,
                                   OneFault& fault) {
        to[0] = a * cos + b * sin;
        to[half] = b * cos - a * sin;
        fault.finite(to[0]);
        fault.finite(to[half]);
    }
};

// Of one head of k and v: exact sums over the heads of its group.
struct RotaryGradKv {
    Angles angles;
    const float* dqkv;
    float *dk, *dv;
    ASSAY_HD uint32_t operator()(int64_t n) const {
        const int64_t half = angles.half(), dim = angles.head_dim;
        const int64_t i = n % half, h = n / half % angles.kv_heads, r = n / half / angles.kv_heads;
        const int64_t width = angles.heads * dim;
        const int64_t group = angles.heads / angles.kv_heads;
        const float* k = dqkv + r * 3 * width + width + h * group * dim + i;
        const int64_t to = r * angles.kv_heads * dim + h * dim + i;
        OneFault fault;
        const float a = group_sum(k, group, fault), b = group_sum(k + half, group, fault);
        RotaryGradQ::turn_back(a, b, angles.cos(r, i), angles.sin(r, i), dk + to, half, fault);
        dv[to] = group_sum(k + width, group, fault);
        dv[to + half] = group_sum(k + width + half, group, fault);
        return fault.top();
    }
    ASSAY_HD float group_sum(const float* x, int64_t group, OneFault& fault) const {
        uint32_t top = 0;
        for (int64_t g = 0; g < group; ++g) {
            const uint32_t bits = abs_bits(x[g * angles.head_dim]);
            top = bits > top ? bits : top;
        }
        fault.note(top);
        const SumScale scale = sum_scale(top);
        if (scale.up == 0.0F) return 0.0F;
        int64_t sum = 0;
        for (int64_t g = 0; g < group; ++g) sum += rne(x[g * angles.head_dim] * scale.up);
        const float result = sum_result(sum, scale);
        fault.finite(result);
        return result;
    }
};

}  // namespace assay::compute::gpu
