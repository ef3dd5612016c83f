#include "compute/kernels/cpu_gemm.h"

#include <algorithm>

#include "compute/kernels/pack_kernels.h"

namespace assay::compute {
namespace {

int64_t round_up(int64_t n, int64_t to) {
    return (n + to - 1) / to * to;
}

// Largest |score| a skipped element of a product could have stays finite when this holds.
bool cannot_overflow(const PackedOperand& a, const PackedOperand& b, int slices,
                     const float* scale_a, const float* scale_b) {
    const double limit = slice_limit(slices);
    const float most_a = *std::max_element(scale_a, scale_a + a.vectors);
    const float most_b = *std::max_element(scale_b, scale_b + b.vectors);
    const double sum = limit * limit * static_cast<double>(a.depth);
    constexpr double kSafe = 1e38;  // below the largest float, and so is the first scaling
    return sum * double{most_a} < kSafe && sum * double{most_a} * double{most_b} < kSafe;
}

void grow(PackedOperand& to, const SideView& side, int64_t units) {
    to.vectors = side.vectors;
    to.depth = side.depth;
    to.norm_stride = side.depth / kNormBlock + 1;
    const int64_t padded = round_up(std::max<int64_t>(side.vectors, 1), to.group);
    to.units.get(static_cast<size_t>(padded * units + 1));
    to.scales.get(static_cast<size_t>(padded));
    to.norms.get(static_cast<size_t>(padded / to.panel * to.norm_stride));
}

}  // namespace

void prepare_rows(const KernelTable& kernels, PackedOperand& to, const SideView& side, int slices) {
    to.panel = kernels.tile_rows;
    to.group = kernels.group_rows;
    to.unit_stride = 1;
    // Rows a multiple of 4 KiB apart would fall into the same cache sets.
    to.vector_stride = round_up(kernels.units(side.depth, slices), 16) + 16;
    to.panel_stride = to.panel * to.vector_stride;
    grow(to, side, to.vector_stride);
}

void prepare_columns(const KernelTable& kernels, PackedOperand& to, const SideView& side,
                     int slices) {
    to.panel = to.group = kernels.tile_cols;
    to.unit_stride = to.panel;
    to.vector_stride = 1;
    to.panel_stride = to.panel * kernels.units(side.depth, slices);
    grow(to, side, kernels.units(side.depth, slices));
}

Bits pack_groups(const KernelTable& kernels, PackedOperand& to, const SideView& side, int slices,
                 const PackOptions& options, int64_t begin, int64_t end) {
    Bits bits = 0;
    for (int64_t index = begin; index < end; ++index) {
        const int64_t v = index * to.group;
        PackJob job{};
        job.data = side.data + v * side.vector_stride;
        job.vector_stride = side.vector_stride;
        job.depth_stride = side.depth_stride;
        job.vectors = std::min(side.vectors - v, to.group);
        job.group = to.group;
        job.stop = side.depth;
        if (options.depth == Depth::kUpTo) job.stop = std::min(side.depth, v + to.group);
        if (options.depth == Depth::kFrom)
            job.from = std::min(v, side.depth) / kNormBlock * kNormBlock;
        job.multiply = options.multiply;
        job.unit_scale = options.unit_scale;
        job.slices = slices;
        job.out = to.at(v / to.panel);
        job.out_vector_stride = to.vector_stride;
        job.out_unit_stride = to.unit_stride;
        job.scale = to.scale(v);
        job.norms = to.norms_at(v / to.panel);
        job.panel = to.panel;
        job.norm_stride = to.norm_stride;
        bits = std::max(bits, kernels.pack(job));
    }
    return bits;
}

TileRange Blocks::at(int64_t index) const {
    const int64_t row = index / across * kBlockRows, col = index % across * kBlockCols;
    return {row, std::min(rows, row + kBlockRows), col, std::min(cols, col + kBlockCols)};
}

Blocks blocks_of(const PackedOperand& a, const PackedOperand& b) {
    return {a.panels(), b.panels(), (a.panels() + kBlockRows - 1) / kBlockRows,
            (b.panels() + kBlockCols - 1) / kBlockCols};
}

namespace {

// One pass over the tiles of a block, for the part of the contraction in [begin, end).
class BlockPass {
public:
    BlockPass(const KernelTable& kernels, PackedOperand& a, PackedOperand& b, int slices,
              const TileOutput& out)
        : kernels_(kernels),
          a_(a),
          b_(b),
          slices_(slices),
          out_(out),
          skip_(out.skip_above_diagonal && cannot_overflow(a, b, slices, a.scale(0), b.scale(0))) {}

    Bits run(const TileRange& range, int64_t begin, int64_t end, int64_t* sums) const {
        Bits bits = 0;
        const int64_t size = kernels_.tile_rows * kernels_.tile_cols;
        for (int64_t col = range.col_begin; col < range.col_end; ++col) {
            for (int64_t row = range.row_begin; row < range.row_end; ++row) {
                const int64_t i = row * kernels_.tile_rows;
                if (skip_ && col * kernels_.tile_cols >= i + kernels_.tile_rows) continue;
                TileJob job = job_at(row, col);
                int64_t from = 0, stop = a_.depth;
                if (out_.depth == Depth::kUpTo) stop = std::min(stop, i + kernels_.tile_rows);
                if (out_.depth == Depth::kFrom) from = std::min(i, stop) / 2 * 2;
                job.first = from >= begin || begin == 0;
                job.last = stop <= end;
                // Ranges before the first and after the last have nothing to add.
                if ((from >= end && !job.last) || (stop <= begin && begin != 0)) continue;
                job.from = std::max(from, begin);
                job.stop = std::min(stop, end);
                const int64_t slot = (col - range.col_begin) * kBlockRows + row - range.row_begin;
                job.sums =
                    sums == nullptr || (job.first && job.last) ? nullptr : sums + slot * size;
                bits = std::max(bits, kernels_.tile(job));
            }
        }
        return bits;
    }

private:
    TileJob job_at(int64_t row, int64_t col) const {
        const int64_t i = row * kernels_.tile_rows, j = col * kernels_.tile_cols;
        TileJob job{};
        job.a = a_.at(row);
        job.stride_a = a_.vector_stride;
        job.b = b_.at(col);
        job.norms_a = a_.norms_at(row);
        job.norms_b = b_.norms_at(col);
        job.slices = slices_;
        job.scale_a = a_.scale(i);
        job.scale_b = b_.scale(j);
        job.bias = out_.bias == nullptr ? nullptr : out_.bias + j;
        job.c = out_.c + i * out_.ldc + j;
        job.ldc = out_.ldc;
        job.rows = std::min(kernels_.tile_rows, a_.vectors - i);
        job.cols = std::min(kernels_.tile_cols, b_.vectors - j);
        return job;
    }

    const KernelTable& kernels_;
    PackedOperand& a_;
    PackedOperand& b_;
    const int slices_;
    const TileOutput& out_;
    const bool skip_;
};

}  // namespace

Bits run_tiles(const KernelTable& kernels, PackedOperand& a, PackedOperand& b,
               Scratch<int64_t>& sums, int slices, const TileRange& range, const TileOutput& out) {
    const BlockPass pass(kernels, a, b, slices, out);
    if (a.depth <= kernels.depth_block) return pass.run(range, 0, a.depth, nullptr);
    int64_t* kept = sums.get(
        static_cast<size_t>(kBlockRows * kBlockCols * kernels.tile_rows * kernels.tile_cols));
    Bits bits = 0;
    for (int64_t begin = 0; begin < a.depth; begin += kernels.depth_block)
        bits = std::max(bits, pass.run(range, begin, begin + kernels.depth_block, kept));
    return bits;
}

Bits fold_scales(const KernelTable& kernels, const MatrixView& b, int slices, float* up,
                 float* down) {
    Bits bits = 0;
    for (int64_t k = 0; k < b.rows; ++k) {
        Bits top = 0;
        if (b.col_stride == 1) {
            top = kernels.max_abs(b.data + k * b.row_stride, b.cols);
        } else {
            for (int64_t j = 0; j < b.cols; ++j)
                top = std::max(top, abs_bits(b.data[k * b.row_stride + j * b.col_stride]));
        }
        const RowScale scale = row_scale(top, slices);
        up[k] = pow2(scale.e);
        down[k] = scale.zero ? 0.0F : pow2(-scale.e);
        bits = std::max(bits, top);
    }
    return bits;
}

namespace {

Bits multiply_packed(const KernelTable& kernels, GemmScratch& scratch, int slices,
                     const TileOutput& out) {
    const Blocks blocks = blocks_of(scratch.a, scratch.b);
    Bits bits = 0;
    for (int64_t i = 0; i < blocks.count(); ++i)
        bits = std::max(bits, run_tiles(kernels, scratch.a, scratch.b, scratch.sums, slices,
                                        blocks.at(i), out));
    return bits;
}

// Both operands of a small product; `up` and `down` fold b's scales into a, or are null.
Bits pack_both(const KernelTable& kernels, GemmScratch& scratch, const MatrixView& a,
               const MatrixView& b, int slices, Depth depth, const float* up, const float* down) {
    const SideView left = rows_of(a), right = columns_of(b);
    prepare_rows(kernels, scratch.a, left, slices);
    prepare_columns(kernels, scratch.b, right, slices);
    const Bits bits =
        pack_groups(kernels, scratch.a, left, slices, {up, false, depth}, 0, scratch.a.groups());
    return std::max(
        bits, pack_groups(kernels, scratch.b, right, slices, {down, down != nullptr, Depth::kFull},
                          0, scratch.b.groups()));
}

}  // namespace

Bits small_gemm(const KernelTable& kernels, GemmScratch& scratch, const MatrixView& a,
                const MatrixView& b, int slices, const TileOutput& out) {
    const Bits bits = pack_both(kernels, scratch, a, b, slices, out.depth, nullptr, nullptr);
    if (bits >= kInfinityBits) return bits;
    return multiply_packed(kernels, scratch, slices, out);
}

Bits small_gemm_folded(const KernelTable& kernels, GemmScratch& scratch, const MatrixView& a,
                       const MatrixView& b, int slices, const TileOutput& out) {
    float* up = scratch.fold_up.get(static_cast<size_t>(b.rows));
    float* down = scratch.fold_down.get(static_cast<size_t>(b.rows));
    Bits bits = fold_scales(kernels, b, slices, up, down);
    if (bits >= kInfinityBits) return bits;
    bits = pack_both(kernels, scratch, a, b, slices, out.depth, up, down);
    if (bits >= kInfinityBits) return bits;
    return multiply_packed(kernels, scratch, slices, out);
}

}  // namespace assay::compute
