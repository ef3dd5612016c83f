// KernelTable: the inner loops of a CPU backend as plain functions, one table per instruction set.
//
// A kernel works on one contiguous range on the calling thread; CpuBackend splits the work. Every
// table computes the same trees (docs/arithmetic.md), so tables differ in speed only. Ownership:
// callers own all buffers. Threads: pure functions. Errors: kernels that return Bits return the
// largest magnitude they checked, as float bits; kInfinityBits or more is a fault.
#pragma once

#include <cstdint>

#include "compute/arithmetic/scalar.h"

namespace assay::compute {

using Bits = uint32_t;

// Eight vectors (rows of A or columns of B) of a product, to be quantised into packed panels.
struct PackJob {
    const float* data;  // element k of vector v: data[v * vector_stride + k * depth_stride]
    int64_t vector_stride, depth_stride;
    int64_t vectors;        // 0..8; missing ones are packed as zeros
    int64_t depth;          // the contraction length
    const float* multiply;  // per k, applied first (exact folding); may be null
    bool unit_scale;        // multiply already holds the scales (gemm_folded's B)
    int slices;
    // Vectors 0-3 go to low[unit * stride + v], 4-7 to high[unit * stride + v - 4]. A unit is a
    // pair of int16 (k, k + 1) for one or two slices, one int32 for three.
    int32_t* low;
    int32_t* high;
    int64_t stride;
    float* scale;  // 8: 2^e of each vector
};

inline constexpr int64_t kTileRows = 4, kTileCols = 16;

struct TileJob {
    const int32_t* a;  // panel of kTileRows
    const int32_t* b;  // panel of kTileCols
    int64_t units;
    int slices;
    const float* scale_a;  // kTileRows
    const float* scale_b;  // kTileCols
    const float* bias;     // of the first column, or null
    float* c;
    int64_t ldc, rows, cols;  // valid part of the tile
};

struct AdamWFactors {
    float clip_factor;  // multiplies gradients when `clip`
    bool clip;
    float beta1, beta2, c1, c2, k1, k2, eps, lr, lr_decay;
};

struct KernelTable {
    Bits (*max_abs)(const float* x, int64_t n);
    int64_t (*sum)(const float* x, int64_t n, float up);          // of rne(x * up)
    int64_t (*sum_squares)(const float* x, int64_t n, float up);  // of rne((x * x) * up)
    // out[c] for columns [begin, end) of x (rows x cols), or of x * y when y is not null
    Bits (*column_sums)(const float* x, const float* y, int64_t rows, int64_t cols, int64_t begin,
                        int64_t end, float* out);
    void (*scatter)(const float* values, const int32_t* index, int64_t rows, int64_t cols,
                    int64_t begin, int64_t end, float up, int64_t* sums);

    Bits (*gelu)(const float* x, int64_t n, float* y);
    Bits (*gelu_grad)(const float* x, const float* dy, int64_t n, float* dx);
    Bits (*add)(const float* a, const float* b, int64_t n, float* out);
    Bits (*adamw)(float* w, const float* g, float* m, float* v, int64_t n, const AdamWFactors& f);

    Bits (*layernorm)(const float* x, const float* gain, const float* bias, int64_t rows,
                      int64_t cols, float* y, float* xhat, float* rstd);
    Bits (*layernorm_grad)(const float* dy, const float* gain, const float* xhat, const float* rstd,
                           int64_t rows, int64_t cols, float* dx);
    // p[0..n) = softmax(s * scale), p[n..total) = 0; s is overwritten
    Bits (*softmax)(float* s, int64_t n, int64_t total, float scale, float* p);
    Bits (*softmax_grad)(const float* p, const float* dp, int64_t n, int64_t total, float scale,
                         float* ds);
    Bits (*cross_entropy)(const float* logits, const int32_t* target, int64_t rows, int64_t classes,
                          float count, float* losses, float* dlogits);

    Bits (*pack)(const PackJob& job);
    Bits (*tile)(const TileJob& job);
};

const KernelTable& portable_kernels();
// Null where the build or this machine has no AVX2.
const KernelTable* avx2_kernels();

}  // namespace assay::compute
