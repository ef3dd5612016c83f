// Causal attention and its gradient on CpuBackend: one (sequence, head) a work item.
//
// Scores above the diagonal are never used and probabilities there are zero, so tiles and
// contraction ranges that lie wholly above it are left out; scales are per row and column of q, k
// and v and do not change.
#include <algorithm>
#include <cstring>

#include "compute/kernels/cpu_backend.h"

namespace assay::compute {

struct CpuBackend::Head {
    MatrixView q, k, v;    // T x head_dim
    int64_t first_row;     // of the sequence
    int64_t first_column;  // of the head, in q's third
};

namespace {

// 1 / sqrt(head_dim), binary64 then rounded once.
float attention_scale(int64_t head_dim) {
    return static_cast<float>(1.0 / __builtin_sqrt(static_cast<double>(head_dim)));
}

}  // namespace

CpuBackend::Head CpuBackend::head_of(const float* qkv, const AttentionShape& shape, int64_t index) {
    const int64_t width = shape.width(), stride = 3 * width;
    Head head{};
    head.first_row = index / shape.heads * shape.context;
    head.first_column = index % shape.heads * shape.head_dim;
    const float* at = qkv + head.first_row * stride + head.first_column;
    head.q = {at, shape.context, shape.head_dim, stride, 1};
    head.k = {at + width, shape.context, shape.head_dim, stride, 1};
    head.v = {at + 2 * width, shape.context, shape.head_dim, stride, 1};
    return head;
}

Bits CpuBackend::head_forward(const Head& head, const AttentionShape& shape, int slices, float* out,
                              float* probabilities, int worker) {
    const int64_t t = shape.context;
    GemmScratch& scratch = gemm_scratch_[static_cast<size_t>(worker)];
    float* scores =
        square_scratch_[static_cast<size_t>(worker)].get(static_cast<size_t>(2 * t * t));
    TileOutput to;
    to.c = scores;
    to.ldc = t;
    to.skip_above_diagonal = true;
    Bits bits = small_gemm(kernels_, scratch, head.q, head.k.transposed(), slices, to);
    if (bits >= kInfinityBits) return bits;
    const float scale = attention_scale(shape.head_dim);
    for (int64_t i = 0; i < t; ++i)
        bits = std::max(bits,
                        kernels_.softmax(scores + i * t, i + 1, t, scale, probabilities + i * t));
    if (bits >= kInfinityBits) return bits;
    to.c = out + head.first_row * shape.width() + head.first_column;
    to.ldc = shape.width();
    to.skip_above_diagonal = false;
    to.depth = Depth::kUpTo;
    return small_gemm_folded(kernels_, scratch, matrix(probabilities, t, t), head.v, slices, to);
}

void CpuBackend::attention(const float* qkv, const AttentionShape& shape, int slices, float* out,
                           float* probabilities) {
    const int64_t square = shape.context * shape.context;
    pool_.run(shape.batch * shape.heads, 1, [&](int worker, int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i)
            note(head_forward(head_of(qkv, shape, i), shape, slices, out,
                              probabilities + i * square, worker));
    });
}

Bits CpuBackend::head_backward(const Head& head, const AttentionShape& shape, int slices,
                               const float* dout, const float* probabilities, float* dqkv,
                               int worker) {
    const int64_t t = shape.context, width = shape.width();
    GemmScratch& scratch = gemm_scratch_[static_cast<size_t>(worker)];
    float* dp = square_scratch_[static_cast<size_t>(worker)].get(static_cast<size_t>(2 * t * t));
    float* ds = dp + t * t;
    const MatrixView d_out{dout + head.first_row * width + head.first_column, t, shape.head_dim,
                           width, 1};
    float* dq = dqkv + head.first_row * 3 * width + head.first_column;
    TileOutput to;
    to.ldc = 3 * width;

    to.c = dq + 2 * width;
    to.depth = Depth::kFrom;  // p^T: query i >= key j
    const MatrixView p = matrix(probabilities, t, t);
    Bits bits = small_gemm(kernels_, scratch, p.transposed(), d_out, slices, to);

    TileOutput to_dp;
    to_dp.c = dp;
    to_dp.ldc = t;
    to_dp.skip_above_diagonal = true;
    bits = std::max(bits, small_gemm(kernels_, scratch, d_out, head.v.transposed(), slices, to_dp));
    if (bits >= kInfinityBits) return bits;

    const float scale = attention_scale(shape.head_dim);
    for (int64_t i = 0; i < t; ++i)
        bits = std::max(bits, kernels_.softmax_grad(probabilities + i * t, dp + i * t, i + 1, t,
                                                    scale, ds + i * t));
    if (bits >= kInfinityBits) return bits;
    const MatrixView d_scores = matrix(ds, t, t);
    to.c = dq + width;
    bits = std::max(bits, small_gemm(kernels_, scratch, d_scores.transposed(), head.q, slices, to));
    to.c = dq;
    to.depth = Depth::kUpTo;
    return std::max(bits, small_gemm(kernels_, scratch, d_scores, head.k, slices, to));
}

void CpuBackend::attention_grad(const float* dout, const float* qkv, const float* probabilities,
                                const AttentionShape& shape, int slices, float* dqkv) {
    const int64_t square = shape.context * shape.context;
    pool_.run(shape.batch * shape.heads, 1, [&](int worker, int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i)
            note(head_backward(head_of(qkv, shape, i), shape, slices, dout,
                               probabilities + i * square, dqkv, worker));
    });
}

}  // namespace assay::compute
