// Exact products on a KernelTable: quantise and pack both operands once, then 4 x 16 tiles.
//
// Two forms: `gemm` splits one large product over the pool; `small_gemm` runs on the calling thread
// with its own scratch, for the many small products of attention. Ownership: the caller's scratch.
// Threads: one user of a PackedOperand at a time. Errors: returned Bits, see kernel_table.h.
#pragma once

#include "compute/kernels/backend.h"
#include "compute/kernels/kernel_table.h"
#include "compute/kernels/scratch.h"
#include "compute/kernels/thread_pool.h"

namespace assay::compute {

// The contraction index k that matters for row (or column) i of a triangular operand.
enum class Depth : uint8_t {
    kFull,
    kUpTo,  // element (i, k) is zero for k > i
    kFrom,  // element (i, k) is zero for k < i
};

// One side of a product as panels of `lanes` vectors.
struct PackedOperand {
    Scratch<int32_t> panels;
    Scratch<float> scales;
    int64_t lanes = 0, vectors = 0, depth = 0, panel_size = 0;  // panel_size in int32
    int32_t* panel(int64_t index) { return panels.get(0) + index * panel_size; }
    float* scale(int64_t vector) { return scales.get(0) + vector; }
};

struct SideView {  // element k of vector v: data[v * vector_stride + k * depth_stride]
    const float* data;
    int64_t vectors, depth, vector_stride, depth_stride;
};
inline SideView rows_of(const MatrixView& a) {
    return {a.data, a.rows, a.cols, a.row_stride, a.col_stride};
}
inline SideView columns_of(const MatrixView& b) {
    return {b.data, b.cols, b.rows, b.col_stride, b.row_stride};
}

struct GemmScratch {
    PackedOperand a, b;
    Scratch<float> fold_up, fold_down;  // 2^e and 2^-e of b's rows
};

// Grows `to` for the operand; pack_octets then fills vectors [8 * begin, 8 * end).
void prepare(PackedOperand& to, const SideView& side, int64_t lanes, int slices);
Bits pack_octets(const KernelTable& kernels, PackedOperand& to, const SideView& side,
                 const float* multiply, bool unit_scale, int slices, Depth depth, int64_t begin,
                 int64_t end);
inline int64_t octets(int64_t vectors) {
    return (vectors + 7) / 8;
}

struct TileRange {
    int64_t row_begin, row_end, col_begin, col_end;  // in tiles
};
struct TileOutput {
    const float* bias = nullptr;
    float* c = nullptr;
    int64_t ldc = 0;
    Depth depth = Depth::kFull;
    bool skip_above_diagonal = false;  // tiles wholly above it are not computed
};
Bits run_tiles(const KernelTable& kernels, PackedOperand& a, PackedOperand& b, int slices,
               const TileRange& range, const TileOutput& out);

// The scales of b's rows for gemm_folded: up = 2^e, down = 2^-e (0 for a zero row).
Bits fold_scales(const KernelTable& kernels, const MatrixView& b, int slices, float* up,
                 float* down);

// c = a * b on the calling thread. `depth` describes a.
Bits small_gemm(const KernelTable& kernels, GemmScratch& scratch, const MatrixView& a,
                const MatrixView& b, int slices, const TileOutput& out);
Bits small_gemm_folded(const KernelTable& kernels, GemmScratch& scratch, const MatrixView& a,
                       const MatrixView& b, int slices, const TileOutput& out);

}  // namespace assay::compute
