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
    ASSAY_HD int64_t at(int64_t z) const {
        return quotient(z, inner) * outer + remainder(z, inner) * step;
    }
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

    // A part of one member: value(v, k) counts from vector `v0` and depth `k0` on.
    struct Part {
        const float *data, *multiply;
        int64_t vector_stride, depth_stride;
        ASSAY_HD float value(int64_t v, int64_t k) const {
            const float x = data[v * vector_stride + k * depth_stride];
            return multiply == nullptr ? x : x * multiply[k];
        }
    };
    ASSAY_HD Part part(int64_t z, int64_t v0, int64_t k0) const {
        return {data + members.at(z) + v0 * vector_stride + k0 * depth_stride,
                multiply == nullptr ? nullptr : multiply + z * depth + k0, vector_stride,
                depth_stride};
    }
};

ASSAY_HD int64_t blocks_of(int64_t n, int64_t size) {
    return (n + size - 1) / size;
}
ASSAY_HD int64_t min64(int64_t a, int64_t b) {
    return a < b ? a : b;
}

// A number of slices that the compiler knows: use(Slices<n>()) with n = slices, 1 to 3.
template <int kNumber>
struct Slices {
    static constexpr int kCount = kNumber;
    static constexpr int kPlanes = digit_planes(kNumber);
};
template <class Use>
ASSAY_HD void with_slices(int slices, Use use) {
    if (slices == 1) return use(Slices<1>());
    if (slices == 2) return use(Slices<2>());
    use(Slices<3>());
}

// tops[z][v] = bits of the largest magnitude. One warp a vector; for vectors that lie together.
struct RowTops {
    static constexpr bool kOneWarp = true;
    Operand operand;
    uint32_t* tops;
    template <class Block>
    ASSAY_HD void operator()(const Block& block) const {
        const int64_t z = quotient(block.index(), operand.vectors);
        const auto row = operand.part(z, remainder(block.index(), operand.vectors), 0);
        const uint32_t top =
            block.max_bits(operand.depth, [&](int64_t k) { return abs_bits(row.value(0, k)); });
        block.note(top);
        block.once([&] { tops[block.index()] = top; });
    }
};

// The same for vectors that lie interleaved: a block takes kBlockThreads vectors and kDepth of
// depth. tops must be zero before.
struct ColumnTops {
    static constexpr int64_t kDepth = 128;
    Operand operand;
    uint32_t* tops;
    ASSAY_HD int64_t blocks(int64_t batch) const {
        return batch * blocks_of(operand.vectors, kBlockThreads) * blocks_of(operand.depth, kDepth);
    }
    template <class Block>
    ASSAY_HD void operator()(const Block& block) const {
        const int64_t across = quotient(operand.vectors + kBlockThreads - 1, kBlockThreads);
        const int64_t down = quotient(operand.depth + kDepth - 1, kDepth);
        const int64_t row = quotient(block.index(), across), z = quotient(row, down);
        const int64_t first = remainder(block.index(), across) * kBlockThreads;
        const int64_t from = remainder(row, down) * kDepth;
        const int64_t count = min64(kBlockThreads, operand.vectors - first);
        const auto stop = static_cast<int>(min64(operand.depth - from, kDepth));
        const auto part = operand.part(z, first, from);
        block.each(count, [&](int64_t i) {
            uint32_t top = 0;
            for (int k = 0; k < stop; ++k) {
                const uint32_t bits = abs_bits(part.value(i, k));
                top = bits > top ? bits : top;
            }
            block.note(top);
            block.atomic_max(tops + z * operand.vectors + first + i, top);
        });
    }
};

// Of the scale 2^e of each vector: up = 2^e, down = 2^-e; all values zero: 1 and 0.
struct Scales {
    const uint32_t* tops;
    int64_t count;
    int slices;
    float *up, *down;
    template <class Block>
    ASSAY_HD void operator()(const Block& block) const {
        const int64_t first = block.index() * kBlockThreads;
        block.each(min64(kBlockThreads, count - first), [&](int64_t i) {
            const RowScale scale = row_scale(tops[first + i], slices);
            up[first + i] = pow2(scale.e);
            down[first + i] = scale.zero ? 0.0F : pow2(-scale.e);
        });
    }
};

// Where the planes of a packed operand lie: [member][plane][padded vector][padded k], int8; and
// the scales of its vectors, [member][vector], null where all are 1.
struct Planes {
    int8_t* data = nullptr;
    const float *up = nullptr, *down = nullptr;
    int64_t vectors = 0, padded_vectors = 0, padded_depth = 0;
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

// Quantises tiles of kTile vectors x kTile of depth and writes their planes; what is beyond the
// operand becomes zero. Reads and writes run along memory: the tile turns in between. A block takes
// kTiles tiles along the depth.
struct PackTile {
    static constexpr int64_t kTiles = 4;
    static constexpr int kRow = kTile + 1;  // of the tile, in banks of its own
    static constexpr int kPasses = kTile * kTile / kBlockThreads;
    static constexpr int kFours = kTile / 4;  // of a vector: written at a time
    Operand operand;
    Planes to;
    int slices;
    ASSAY_HD int64_t blocks(int64_t batch) const {
        return batch * (to.padded_vectors / kTile) * blocks_of(to.padded_depth, kTiles * kTile);
    }
    template <class Block>
    ASSAY_HD void operator()(const Block& block) const {
        const int64_t down = quotient(to.padded_depth + kTiles * kTile - 1, kTiles * kTile);
        const int64_t across = quotient(to.padded_vectors, kTile);
        const int64_t row = quotient(block.index(), down), z = quotient(row, across);
        const int64_t v0 = remainder(row, across) * kTile;
        const int64_t k0 = remainder(block.index(), down) * (kTiles * kTile);
        const int64_t stop = min64(to.padded_depth - k0, kTiles * kTile);
        const auto from = operand.part(z, v0, k0);
        with_slices(slices, [&](auto known) {
            using Known = decltype(known);
            int8_t* const first =
                to.data + (z * Known::kPlanes * to.padded_vectors + v0) * to.padded_depth + k0;
            const float* const inverse =
                to.down == nullptr ? nullptr : to.down + z * operand.vectors + v0;
            for (int64_t k = 0; k < stop; k += kTile) {
                read(block, from, operand.vectors - v0, operand.depth - k0, k);
                write<Known>(block, inverse, operand.vectors - v0, first + k);
            }
        });
    }

private:
    template <class Block>
    ASSAY_HD void read(const Block& block, const Operand::Part& from, int64_t vectors,
                       int64_t depth, int64_t k0) const {
        const bool by_vector = from.vector_stride == 1;
        block.each(kBlockThreads, [&](int64_t i) {
            const int lane = static_cast<int>(i) % kTile, first = static_cast<int>(i) / kTile;
            ASSAY_UNROLL
            for (int pass = 0; pass < kPasses; ++pass) {
                const int other = first + pass * (kBlockThreads / kTile);
                const int v = by_vector ? lane : other, k = by_vector ? other : lane;
                const bool inside = v < vectors && k0 + k < depth;
                block.tile()[v * kRow + k] = inside ? from.value(v, k0 + k) : 0.0F;
            }
        });
    }
    template <class Known, class Block>
    ASSAY_HD void write(const Block& block, const float* inverses, int64_t vectors,
                        int8_t* to_first) const {
        block.each(kTile * kFours, [&](int64_t i) {
            const int v = static_cast<int>(i) / kFours, k = static_cast<int>(i) % kFours * 4;
            float inverse = inverses == nullptr ? 1.0F : 0.0F;
            if (inverses != nullptr && v < vectors) inverse = inverses[v];
            int32_t q[4];
            ASSAY_UNROLL
            for (int j = 0; j < 4; ++j) q[j] = rne(block.tile()[v * kRow + k + j] * inverse);
            int8_t* at = to_first + v * to.padded_depth + k;
            ASSAY_UNROLL
            for (int p = 0; p < Known::kPlanes; ++p, at += to.plane_size()) {
                uint32_t four = 0;
                ASSAY_UNROLL
                for (int j = 0; j < 4; ++j)
                    four |= (static_cast<uint32_t>(plane_digit(q[j], Known::kCount, p)) & 0xFFU)
                            << (8 * j);
                *reinterpret_cast<uint32_t*>(at) = four;  // little-endian, as every target is
            }
        });
    }
};

// Planes' products to results: join, round once, two exact scalings, bias. A warp takes kWidth
// columns of one row. For contractions in several ranges, `sums` keeps the exact sum between them;
// where no range is the last, the result is left to FinishProduct.
struct Combine {
    static constexpr bool kOneWarp = true;
    static constexpr int64_t kWidth = 256;
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
    // What one warp takes: `count` columns; everything points at its first.
    struct Part {
        const int32_t* products;  // of plane 0
        int64_t count, plane_stride;
        int64_t* sums;
        float* c;
        const float *bias, *scale_b;
        float scale_a;
        template <class Block>
        ASSAY_HD void finish(const Block& block, int64_t j, int64_t sum) const {
            float value = int_to_f32(sum) * scale_a;
            if (scale_b != nullptr) value = value * scale_b[j];
            if (bias != nullptr) value = value + bias[j];
            c[j] = value;
            block.note(abs_bits(value));
        }
    };
    template <class Block>
    ASSAY_HD Part part(const Block& block) const {
        const int64_t across = quotient(columns + kWidth - 1, kWidth);
        const int64_t row = quotient(block.index(), across), z = quotient(row, rows);
        const int64_t i = remainder(row, rows), j0 = remainder(block.index(), across) * kWidth;
        const int64_t member = first_member + z, row_a = first_row + i;
        Part made{};
        made.products = products + (z * digit_planes(slices) * rows + i) * padded_columns + j0;
        made.count = min64(kWidth, columns - j0);
        made.plane_stride = rows * padded_columns;
        if (sums != nullptr) made.sums = sums + row * columns + j0;
        made.c = c + members.at(member) + row_a * ldc + j0;
        if (bias != nullptr) made.bias = bias + j0;
        made.scale_a = a.up == nullptr ? 1.0F : a.up[member * a.vectors + row_a];
        if (b.up != nullptr) made.scale_b = b.up + member * b.vectors + j0;
        return made;
    }
    template <class Block>
    ASSAY_HD void operator()(const Block& block) const {
        const Part own = part(block);
        with_slices(slices, [&](auto known) {
            using Known = decltype(known);
            block.each(own.count, [&](int64_t j) {
                int64_t sum = joined<Known>(own, j);
                if (own.sums != nullptr) {
                    sum += first_range ? 0 : own.sums[j];
                    own.sums[j] = sum;
                    if (!last_range) return;
                }
                own.finish(block, j, sum);
            });
        });
    }
    template <class Known>
    static ASSAY_HD int64_t joined(const Part& own, int64_t j) {
        int64_t p[Known::kPlanes];
        ASSAY_UNROLL
        for (int k = 0; k < Known::kPlanes; ++k) p[k] = own.products[k * own.plane_stride + j];
        return join_planes(p, Known::kCount);
    }
};

// The results of sums that are complete.
struct FinishProduct {
    static constexpr bool kOneWarp = true;
    Combine product;
    template <class Block>
    ASSAY_HD void operator()(const Block& block) const {
        const Combine::Part own = product.part(block);
        block.each(own.count, [&](int64_t j) { own.finish(block, j, own.sums[j]); });
    }
};

}  // namespace assay::compute::gpu
