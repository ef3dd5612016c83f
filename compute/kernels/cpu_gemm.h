// Exact products on a KernelTable: quantise and pack both operands once, then tiles.
//
// A panel of B stays in the first-level cache while the rows of a block of A pass by; long
// contractions go through in ranges whose exact partial sums are kept in int64.
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

// One side of a product, quantised: A row by row, B in panels of tile_cols vectors.
struct PackedOperand {
    Scratch<int32_t> units;
    Scratch<float> scales;
    Scratch<uint32_t> norms;
    int64_t vectors = 0, depth = 0;
    int64_t panel = 0, group = 0;  // vectors of a panel (tile), of a PackJob
    int64_t vector_stride = 0, unit_stride = 0, panel_stride = 0;  // in units
    int64_t norm_stride = 0;                                       // between panels
    int32_t* at(int64_t index) { return units.get(0) + index * panel_stride; }
    uint32_t* norms_at(int64_t index) { return norms.get(0) + index * norm_stride; }
    float* scale(int64_t vector) { return scales.get(0) + vector; }
    int64_t groups() const { return (vectors + group - 1) / group; }
    int64_t panels() const { return (vectors + panel - 1) / panel; }
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
    Scratch<int64_t> sums;              // partial sums of a block of tiles
};

// Grows `to` for rows of A or columns of B; pack_groups then fills groups [begin, end).
void prepare_rows(const KernelTable& kernels, PackedOperand& to, const SideView& side, int slices);
void prepare_columns(const KernelTable& kernels, PackedOperand& to, const SideView& side,
                     int slices);
struct PackOptions {
    const float* multiply = nullptr;  // per k, applied first
    bool unit_scale = false;
    Depth depth = Depth::kFull;
};
Bits pack_groups(const KernelTable& kernels, PackedOperand& to, const SideView& side, int slices,
                 const PackOptions& options, int64_t begin, int64_t end);

struct TileRange {  // in tiles, at most kBlockRows x kBlockCols
    int64_t row_begin, row_end, col_begin, col_end;
};
inline constexpr int64_t kBlockRows = 16, kBlockCols = 8;
struct Blocks {                        // of a product
    int64_t rows, cols, down, across;  // tiles, blocks
    int64_t count() const { return down * across; }
    TileRange at(int64_t index) const;
};
Blocks blocks_of(const PackedOperand& a, const PackedOperand& b);
struct TileOutput {
    const float* bias = nullptr;
    float* c = nullptr;
    int64_t ldc = 0;
    Depth depth = Depth::kFull;
    bool skip_above_diagonal = false;  // tiles wholly above it are not computed
};
Bits run_tiles(const KernelTable& kernels, PackedOperand& a, PackedOperand& b,
               Scratch<int64_t>& sums, int slices, const TileRange& range, const TileOutput& out);

// The scales of b's rows for gemm_folded: up = 2^e, down = 2^-e (0 for a zero row).
Bits fold_scales(const KernelTable& kernels, const MatrixView& b, int slices, float* up,
                 float* down);

// c = a * b on the calling thread. `depth` describes a.
Bits small_gemm(const KernelTable& kernels, GemmScratch& scratch, const MatrixView& a,
                const MatrixView& b, int slices, const TileOutput& out);
Bits small_gemm_folded(const KernelTable& kernels, GemmScratch& scratch, const MatrixView& a,
                       const MatrixView& b, int slices, const TileOutput& out);

}  // namespace assay::compute
