// Exact products on int8 units: magnitudes of vectors, digit planes, and the combination of the
// planes' int32 products. Shapes: an operand is `vectors` vectors (rows of A, columns of B) of
// `depth` values, for each member of a batch. Kernels of block.h; errors as there.
#pragma once

#include "compute/cuda/block.h"
#include "compute/kernels/digits.h"

namespace assay::compute::gpu {

// Where the members of a batch lie: member z at (z / inner) * outer + (z % inner) * step.
struct Members {
    int64_t inner = 1, step = 0, outer = 0;
    ASSAY_HD int64_t at(int64_t z) const { return z / inner * outer + z % inner * step; }
};

struct Operand {
    const float* data = nullptr;
    int64_t vectors = 0, depth = 0;
    int64_t vector_stride = 0, depth_stride = 0;
    Members members;
    // Per member and k, applied first (exact folding); may be null. unit_scale: it holds the
    // scales.
    const float* multiply = nullptr;
    bool unit_scale = false;

    ASSAY_HD float value(int64_t z, int64_t v, int64_t k) const {
        const float x = data[members.at(z) + v * vector_stride + k * depth_stride];
        return multiply == nullptr ? x : x * multiply[z * depth + k];
    }
};

ASSAY_HD int64_t blocks_of(int64_t n, int64_t size) {
    return (n + size - 1) / size;
}

// tops[z][v] = bits of the largest magnitude. One block a vector; for vectors that lie together.
struct RowTops {
    Operand operand;
    uint32_t* tops;
    template <class Block>
    ASSAY_HD void operator()(const Block& block) const {
        const int64_t z = block.index() / operand.vectors, v = block.index() % operand.vectors;
        const uint32_t top = block.max_bits(
            operand.depth, [&](int64_t k) { return abs_bits(operand.value(z, v, k)); });
        block.note(top);
        block.once([&] { tops[block.index()] = top; });
    }
};

// The same for vectors that lie interleaved: a block takes kBlockThreads vectors and kColumnDepth
// of depth. tops must be zero before.
struct ColumnTops {
    static constexpr int64_t kDepth = 128;
    Operand operand;
    uint32_t* tops;
    ASSAY_HD int64_t blocks(int64_t batch) const {
        return batch * blocks_of(operand.vectors, kBlockThreads) * blocks_of(operand.depth, kDepth);
    }
    template <class Block>
    ASSAY_HD void operator()(const Block& block) const {
        const int64_t across = blocks_of(operand.vectors, kBlockThreads);
        const int64_t down = blocks_of(operand.depth, kDepth);
        const int64_t z = block.index() / (across * down);
        const int64_t first = block.index() % across * kBlockThreads;
        const int64_t from = block.index() / across % down * kDepth;
        const int64_t count = min64(kBlockThreads, operand.vectors - first);
        const int64_t stop = min64(operand.depth, from + kDepth);
        block.each(count, [&](int64_t i) {
            uint32_t top = 0;
            for (int64_t k = from; k < stop; ++k) {
                const uint32_t bits = abs_bits(operand.value(z, first + i, k));
                top = bits > top ? bits : top;
            }
            block.note(top);
            block.atomic_max(tops + z * operand.vectors + first + i, top);
        });
    }
    static ASSAY_HD int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }
};

// up = 2^e and down = 2^-e (0: all zero) of each scale that gemm_folded moves from b into a.
struct FoldScales {
    const uint32_t* tops;
    int64_t count;
    int slices;
    float *up, *down;
    template <class Block>
    ASSAY_HD void operator()(const Block& block) const {
        const int64_t first = block.index() * kBlockThreads;
        block.each(ColumnTops::min64(kBlockThreads, count - first), [&](int64_t i) {
            const RowScale scale = row_scale(tops[first + i], slices);
            up[first + i] = pow2(scale.e);
            down[first + i] = scale.zero ? 0.0F : pow2(-scale.e);
        });
    }
};

// Where the planes of a packed operand lie: [member][plane][padded vector][padded k], int8.
struct Planes {
    int8_t* data = nullptr;
    uint32_t* tops = nullptr;
    int64_t vectors = 0, padded_vectors = 0, padded_depth = 0;
    bool unit_scale = false;
    ASSAY_HD int64_t plane_size() const { return padded_vectors * padded_depth; }
};

ASSAY_HD int32_t low_digit(int32_t q) {
    return ((q + 64) & 127) - 64;
}

// The digit of plane p of q (see pack_digits.h for the planes).
ASSAY_HD int32_t plane_digit(int32_t q, int slices, int plane) {
    if (slices == 1) return q;
    const int32_t d0 = low_digit(q), rest = (q - d0) >> 7;
    if (slices == 2) return plane == 0 ? d0 : plane == 1 ? rest : d0 + rest;
    const int32_t d1 = low_digit(rest), d2 = (rest - d1) >> 7;
    const int32_t left = plane == 2 || plane == 5 ? d2 : plane == 1 ? d1 : d0;
    const int32_t right = plane == 3 || plane == 5 ? d1 : plane == 4 ? d2 : 0;
    return left + right;
}

// Quantises a tile of kTile vectors x kTile of depth and writes its planes; what is beyond the
// operand becomes zero. Reads and writes run along memory: the tile turns in between.
struct PackTile {
    Operand operand;
    Planes to;
    int slices;
    ASSAY_HD int64_t blocks(int64_t batch) const {
        return batch * (to.padded_vectors / kTile) * (to.padded_depth / kTile);
    }
    template <class Block>
    ASSAY_HD void operator()(const Block& block) const {
        const int64_t down = to.padded_depth / kTile, across = to.padded_vectors / kTile;
        const int64_t z = block.index() / (down * across);
        const int64_t v0 = block.index() / down % across * kTile;
        const int64_t k0 = block.index() % down * kTile;
        const bool by_vector = operand.vector_stride == 1;
        block.each(kTile * kTile, [&](int64_t i) {
            const int64_t v = by_vector ? i % kTile : i / kTile;
            const int64_t k = by_vector ? i / kTile : i % kTile;
            const bool inside = v0 + v < operand.vectors && k0 + k < operand.depth;
            block.tile()[v * (kTile + 1) + k] = inside ? operand.value(z, v0 + v, k0 + k) : 0.0F;
        });
        const int64_t planes = digit_planes(slices);
        block.each(kTile * (kTile / 4), [&](int64_t i) {
            const int64_t v = i / (kTile / 4), k = i % (kTile / 4) * 4;
            const float inverse = inverse_of(z, v0 + v);
            int32_t q[4];
            for (int j = 0; j < 4; ++j)
                q[j] = inverse == 0.0F ? 0 : rne(block.tile()[v * (kTile + 1) + k + j] * inverse);
            for (int64_t p = 0; p < planes; ++p) {
                int8_t* at = to.data +
                             ((z * planes + p) * to.padded_vectors + v0 + v) * to.padded_depth +
                             k0 + k;
                uint32_t four = 0;
                for (int j = 0; j < 4; ++j) {
                    const int32_t digit = plane_digit(q[j], slices, static_cast<int>(p));
                    four |= (static_cast<uint32_t>(digit) & 0xFFU) << (8 * j);
                }
                *reinterpret_cast<uint32_t*>(at) = four;  // little-endian, as every target is
            }
        });
    }
    ASSAY_HD float inverse_of(int64_t z, int64_t v) const {
        if (v >= operand.vectors) return 0.0F;
        if (operand.unit_scale) return 1.0F;
        const RowScale scale = row_scale(to.tops[z * operand.vectors + v], slices);
        return scale.zero ? 0.0F : pow2(-scale.e);
    }
};

// Planes' products to results: join, round once, two exact scalings, bias. A block takes kWidth
// columns of one row. For contractions in several ranges, `sums` keeps the exact sum between them;
// where no range is the last, the result is left to FinishProduct.
struct Combine {
    static constexpr int64_t kWidth = 1024;
    const int32_t* products;  // [member][plane][rows][padded columns]
    int64_t rows, columns, padded_columns;
    int64_t first_member, first_row;
    Planes a, b;
    int slices;
    const float* bias;
    float* c;
    int64_t ldc;
    Members members;
    int64_t* sums;  // [member][rows][columns] or null
    bool first_range, last_range;

    ASSAY_HD int64_t blocks(int64_t batch) const {
        return batch * rows * blocks_of(columns, kWidth);
    }
    // turn(z, i, j, scale of row i) for the elements of one block.
    template <class Block, class Turn>
    ASSAY_HD void each(const Block& block, Turn turn) const {
        const int64_t across = blocks_of(columns, kWidth);
        const int64_t z = block.index() / (across * rows), i = block.index() / across % rows;
        const int64_t j0 = block.index() % across * kWidth;
        const float scale_a = scale_of(a, first_member + z, first_row + i);
        block.each(ColumnTops::min64(kWidth, columns - j0),
                   [&](int64_t t) { turn(z, i, j0 + t, scale_a); });
    }
    template <class Block>
    ASSAY_HD void operator()(const Block& block) const {
        each(block, [&](int64_t z, int64_t i, int64_t j, float scale_a) {
            int64_t sum = joined(z, i, j);
            if (sums != nullptr) {
                int64_t& kept = kept_sum(z, i, j);
                sum += first_range ? 0 : kept;
                kept = sum;
                if (!last_range) return;
            }
            finish(block, z, i, j, sum, scale_a);
        });
    }
    template <class Block>
    ASSAY_HD void finish(const Block& block, int64_t z, int64_t i, int64_t j, int64_t sum,
                         float scale_a) const {
        float value = (int_to_f32(sum) * scale_a) * scale_of(b, first_member + z, j);
        if (bias != nullptr) value = value + bias[j];
        c[members.at(first_member + z) + (first_row + i) * ldc + j] = value;
        block.note(abs_bits(value));
    }
    ASSAY_HD int64_t& kept_sum(int64_t z, int64_t i, int64_t j) const {
        return sums[(z * rows + i) * columns + j];
    }
    ASSAY_HD int64_t joined(int64_t z, int64_t i, int64_t j) const {
        const int64_t planes = digit_planes(slices);
        int64_t p[kMaxPlanes];
        for (int64_t k = 0; k < planes; ++k)
            p[k] = products[((z * planes + k) * rows + i) * padded_columns + j];
        return join_planes(p, slices);
    }
    ASSAY_HD float scale_of(const Planes& side, int64_t z, int64_t v) const {
        if (side.unit_scale) return 1.0F;
        return pow2(row_scale(side.tops[z * side.vectors + v], slices).e);
    }
};

// The results of sums that are complete.
struct FinishProduct {
    Combine product;
    template <class Block>
    ASSAY_HD void operator()(const Block& block) const {
        product.each(block, [&](int64_t z, int64_t i, int64_t j, float scale_a) {
            product.finish(block, z, i, j, product.kept_sum(z, i, j), scale_a);
        });
    }
};

}  // namespace assay::compute::gpu
