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

// A run of k for which a packed panel records its largest squared norm.
inline constexpr int64_t kNormBlock = 64;

// One group of vectors (rows of A or columns of B) of a product, to be quantised and packed.
//
// A unit is a pair of int16 (k, k + 1) for one or two slices, one int32 for three. Unit u of vector
// v goes to out[v * out_vector_stride + u * out_unit_stride]: A lies row by row, B in panels of
// tile_cols vectors, unit by unit.
struct PackJob {
    const float* data;  // element k of vector v: data[v * vector_stride + k * depth_stride]
    int64_t vector_stride, depth_stride;
    int64_t vectors;        // present; the rest of the group is packed as zeros
    int64_t group;          // vectors of the group
    int64_t from, stop;     // the range of k to pack; `from` is a multiple of kNormBlock
    const float* multiply;  // per k, applied first (exact folding); may be null
    bool unit_scale;        // multiply already holds the scales (gemm_folded's B)
    int slices;
    int32_t* out;
    int64_t out_vector_stride, out_unit_stride;
    float* scale;  // group: 2^e of each vector
    // Per panel (norm_stride apart) and kNormBlock of k: the largest sum of squares of any vector
    // of the panel. Written by tables that read it, for one and two slices.
    uint32_t* norms;
    int64_t panel, norm_stride;  // vectors of a panel; group is a multiple
};

struct TileJob {
    const int32_t* a;  // tile_rows vectors
    int64_t stride_a;  // units between them
    const int32_t* b;  // panel of tile_cols vectors
    const uint32_t* norms_a;
    const uint32_t* norms_b;
    int64_t from, stop;  // range of k; `from` is even
    int slices;
    // tile_rows x tile_cols partial sums of ranges of k, 64-byte aligned; null when this is the
    // only range. The first range sets them; the last one turns them into c.
    int64_t* sums;
    bool first, last;
    const float* scale_a;  // tile_rows
    const float* scale_b;  // tile_cols
    const float* bias;     // of the first column, or null
    float* c;
    int64_t ldc, rows, cols;  // valid part of the tile
};

struct AdamWFactors {
    float clip_factor;  // multiplies gradients when `clip`
    bool clip;
    float beta1, beta2, c1, c2, k1, k2, eps, lr, lr_decay;
};

// What one row of rotary positions needs.
struct RotaryRow {
    int64_t heads, kv_heads, head_dim;
    const float* table;  // head_dim: cosines, then sines
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

    Bits (*rmsnorm)(const float* x, const float* gain, float eps, int64_t rows, int64_t cols,
                    float* y, float* xhat, float* rstd);
    Bits (*rmsnorm_grad)(const float* dy, const float* gain, const float* xhat, const float* rstd,
                         int64_t rows, int64_t cols, float* dx);
    Bits (*swiglu)(const float* gate, const float* up, int64_t n, float* h);
    Bits (*swiglu_grad)(const float* gate, const float* up, const float* dh, int64_t n,
                        float* dgate, float* dup);
    Bits (*rotary)(const RotaryRow& row, const float* q, const float* k, const float* v,
                   float* qkv);
    Bits (*rotary_grad)(const RotaryRow& row, const float* dqkv, float* dq, float* dk, float* dv,
                        float* scratch);  // scratch: head_dim

    int64_t tile_rows, tile_cols;
    int64_t group_rows;  // rows of A packed at once, a multiple of tile_rows; for B: tile_cols
    Bits (*pack)(const PackJob& job);
    Bits (*tile)(const TileJob& job);
    int64_t depth_block;  // k that a tile takes at once, a multiple of kNormBlock
    int64_t (*units)(int64_t depth, int slices);  // int32 that a packed vector takes
};

const KernelTable& portable_kernels();
// Null where the build or this machine has no AVX2.
const KernelTable* avx2_kernels();
// Null where the build or this machine has no AVX-512 VNNI.
const KernelTable* avx512vnni_kernels();
// Null where the build or this machine has no AMX int8, or the system refuses its state.
const KernelTable* amx_kernels();

}  // namespace assay::compute
