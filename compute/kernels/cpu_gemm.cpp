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

}  // namespace

void prepare(PackedOperand& to, const SideView& side, int64_t lanes, int slices) {
    to.lanes = lanes;
    to.vectors = side.vectors;
    to.depth = side.depth;
    to.panel_size = pack_units(side.depth, slices) * lanes;
    const int64_t padded = round_up(side.vectors, std::max<int64_t>(lanes, 8));
    to.panels.get(static_cast<size_t>(std::max<int64_t>(padded / lanes * to.panel_size, 1)));
    to.scales.get(static_cast<size_t>(padded));
}

Bits pack_octets(const KernelTable& kernels, PackedOperand& to, const SideView& side,
                 const float* multiply, bool unit_scale, int slices, Depth depth, int64_t begin,
                 int64_t end) {
    Bits bits = 0;
    for (int64_t octet = begin; octet < end; ++octet) {
        const int64_t v = 8 * octet;
        int64_t from = 0, stop = side.depth;
        if (depth == Depth::kUpTo) stop = std::min(stop, v + 8);
        if (depth == Depth::kFrom) from = std::min(v, stop);
        PackJob job{};
        job.data = side.data + v * side.vector_stride + from * side.depth_stride;
        job.vector_stride = side.vector_stride;
        job.depth_stride = side.depth_stride;
        job.vectors = std::clamp<int64_t>(side.vectors - v, 0, 8);
        job.depth = stop - from;
        job.multiply = multiply == nullptr ? nullptr : multiply + from;
        job.unit_scale = unit_scale;
        job.slices = slices;
        job.stride = to.lanes;
        job.low = to.panel(v / to.lanes) + v % to.lanes + pack_units(from, slices) * to.lanes;
        job.high = to.lanes == 4 ? job.low + to.panel_size : job.low + 4;
        job.scale = to.scale(v);
        bits = std::max(bits, kernels.pack(job));
    }
    return bits;
}

Bits run_tiles(const KernelTable& kernels, PackedOperand& a, PackedOperand& b, int slices,
               const TileRange& range, const TileOutput& out) {
    Bits bits = 0;
    const bool skip =
        out.skip_above_diagonal && cannot_overflow(a, b, slices, a.scale(0), b.scale(0));
    for (int64_t col = range.col_begin; col < range.col_end; ++col) {
        const int64_t j = col * kTileCols;
        for (int64_t row = range.row_begin; row < range.row_end; ++row) {
            const int64_t i = row * kTileRows;
            if (skip && j >= i + kTileRows) continue;
            int64_t from = 0, stop = a.depth;
            if (out.depth == Depth::kUpTo) stop = std::min(stop, i + kTileRows);
            if (out.depth == Depth::kFrom) from = std::min(i, stop);
            const int64_t first = pack_units(from, slices);
            TileJob job{};
            job.a = a.panel(row) + first * kTileRows;
            job.b = b.panel(col) + first * kTileCols;
            job.units = pack_units(stop, slices) - first;
            job.slices = slices;
            job.scale_a = a.scale(i);
            job.scale_b = b.scale(j);
            job.bias = out.bias == nullptr ? nullptr : out.bias + j;
            job.c = out.c + i * out.ldc + j;
            job.ldc = out.ldc;
            job.rows = std::min(kTileRows, a.vectors - i);
            job.cols = std::min(kTileCols, b.vectors - j);
            bits = std::max(bits, kernels.tile(job));
        }
    }
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

Bits small_gemm(const KernelTable& kernels, GemmScratch& scratch, const MatrixView& a,
                const MatrixView& b, int slices, const TileOutput& out) {
    const SideView left = rows_of(a), right = columns_of(b);
    prepare(scratch.a, left, kTileRows, slices);
    prepare(scratch.b, right, kTileCols, slices);
    Bits bits = pack_octets(kernels, scratch.a, left, nullptr, false, slices, out.depth, 0,
                            octets(left.vectors));
    bits = std::max(bits, pack_octets(kernels, scratch.b, right, nullptr, false, slices,
                                      Depth::kFull, 0, 2 * ((right.vectors + 15) / 16)));
    if (bits >= kInfinityBits) return bits;
    const TileRange all{0, (left.vectors + 3) / 4, 0, (right.vectors + 15) / 16};
    return run_tiles(kernels, scratch.a, scratch.b, slices, all, out);
}

Bits small_gemm_folded(const KernelTable& kernels, GemmScratch& scratch, const MatrixView& a,
                       const MatrixView& b, int slices, const TileOutput& out) {
    const SideView left = rows_of(a), right = columns_of(b);
    float* up = scratch.fold_up.get(static_cast<size_t>(b.rows));
    float* down = scratch.fold_down.get(static_cast<size_t>(b.rows));
    Bits bits = fold_scales(kernels, b, slices, up, down);
    if (bits >= kInfinityBits) return bits;
    prepare(scratch.a, left, kTileRows, slices);
    prepare(scratch.b, right, kTileCols, slices);
    bits = pack_octets(kernels, scratch.a, left, up, false, slices, out.depth, 0,
                       octets(left.vectors));
    pack_octets(kernels, scratch.b, right, down, true, slices, Depth::kFull, 0,
                2 * ((right.vectors + 15) / 16));
    if (bits >= kInfinityBits) return bits;
    const TileRange all{0, (left.vectors + 3) / 4, 0, (right.vectors + 15) / 16};
    return run_tiles(kernels, scratch.a, scratch.b, slices, all, out);
}

}  // namespace assay::compute
