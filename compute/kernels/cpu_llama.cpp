// Llama layers on CpuBackend, split by rows.
#include <algorithm>

#include "compute/kernels/cpu_backend.h"

namespace assay::compute {
namespace {

constexpr int64_t kElements = 8192;  // a thread must have to be worth waking

int64_t grain(int64_t cols) {
    return std::max<int64_t>(1, kElements / std::max<int64_t>(1, cols));
}

}  // namespace

void CpuBackend::rmsnorm(const float* x, const float* gain, float eps, int64_t rows, int64_t cols,
                         float* y, float* xhat, float* rstd) {
    pool_.run(rows, grain(cols), [&](int, int64_t begin, int64_t end) {
        const int64_t at = begin * cols;
        note(kernels_.rmsnorm(x + at, gain, eps, end - begin, cols, y + at, xhat + at,
                              rstd + begin));
    });
}

void CpuBackend::rmsnorm_grad(const float* dy, const float* gain, const float* xhat,
                              const float* rstd, int64_t rows, int64_t cols, float* dx,
                              float* dgain) {
    columns(dy, xhat, rows, cols, dgain);
    pool_.run(rows, grain(cols), [&](int, int64_t begin, int64_t end) {
        const int64_t at = begin * cols;
        note(kernels_.rmsnorm_grad(dy + at, gain, xhat + at, rstd + begin, end - begin, cols,
                                   dx + at));
    });
}

void CpuBackend::swiglu(const float* gate, const float* up, int64_t n, float* h) {
    pool_.run(n, grain(4), [&](int, int64_t begin, int64_t end) {
        note(kernels_.swiglu(gate + begin, up + begin, end - begin, h + begin));
    });
}

void CpuBackend::swiglu_grad(const float* gate, const float* up, const float* dh, int64_t n,
                             float* dgate, float* dup) {
    pool_.run(n, grain(4), [&](int, int64_t begin, int64_t end) {
        note(kernels_.swiglu_grad(gate + begin, up + begin, dh + begin, end - begin, dgate + begin,
                                  dup + begin));
    });
}

void CpuBackend::rotary(const float* q, const float* k, const float* v, const float* table,
                        const AttentionShape& shape, int64_t kv_heads, float* qkv) {
    const int64_t width = shape.width(), kv = kv_heads * shape.head_dim;
    pool_.run(shape.rows(), grain(3 * width), [&](int, int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; ++r) {
            const RotaryRow row{shape.heads, kv_heads, shape.head_dim,
                                table + r % shape.context * shape.head_dim};
            note(kernels_.rotary(row, q + r * width, k + r * kv, v + r * kv, qkv + r * 3 * width));
        }
    });
}

void CpuBackend::rotary_grad(const float* dqkv, const float* table, const AttentionShape& shape,
                             int64_t kv_heads, float* dq, float* dk, float* dv) {
    const int64_t width = shape.width(), kv = kv_heads * shape.head_dim;
    pool_.run(shape.rows(), grain(3 * width), [&](int worker, int64_t begin, int64_t end) {
        float* scratch =
            square_scratch_[static_cast<size_t>(worker)].get(static_cast<size_t>(shape.head_dim));
        for (int64_t r = begin; r < end; ++r) {
            const RotaryRow row{shape.heads, kv_heads, shape.head_dim,
                                table + r % shape.context * shape.head_dim};
            note(kernels_.rotary_grad(row, dqkv + r * 3 * width, dq + r * width, dk + r * kv,
                                      dv + r * kv, scratch));
        }
    });
}

}  // namespace assay::compute
