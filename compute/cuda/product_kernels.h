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

// What a product of causal attention needs, by blocks of kTriangleRows rows: the results on and
// below the diagonal; or of the contraction, where A is zero elsewhere, what lies up to the
// diagonal, or from it on.
enum class Triangle : uint8_t { kNone, kResult, kUpTo, kFrom };
inline constexpr int64_t kTriangleRows = 128;

struct Operand {
    const float* data = nullptr;
    int64_t vectors = 0, depth = 0;
    int64_t vector_stride = 0, depth_stride = 0;
    Members members;
    // Per member and k, applied first (exact folding); may be null. unit_scale: it holds the
    // scales.
    const float* multiply = nullptr;
    bool unit_scale = false;
    Triangle triangle = Triangle::kNone;  // of depth, if any: the rest is zero and left out

    // The depth that vector v has.
    ASSAY_HD int64_t first_depth(int64_t v) const {
        return triangle == Triangle::kFrom ? v - v % kTriangleRows : 0;
    }
    ASSAY_HD int64_t depth_stop(int64_t v) const {
        const int64_t stop = v - v % kTriangleRows + kTriangleRows;
        return triangle == Triangle::kUpTo && stop < depth ? stop : depth;
    }

    // A part of one member, from vector `v0` and depth `k0` on.
    struct Part {
        const float *data, *multiply;
        int64_t vector_stride, depth_stride;
        ASSAY_HD float value(int64_t v, int64_t k) const {
            return multiplied(data + v * vector_stride + k * depth_stride, k);
        }
        ASSAY_HD float multiplied(const float* at, int64_t k) const {
            return multiply == nullptr ? *at : *at * multiply[k];
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
        const int64_t v = remainder(block.index(), operand.vectors);
        const int64_t first = operand.first_depth(v), count = operand.depth_stop(v) - first;
        const auto row = operand.part(z, v, first);
        const uint32_t top =
            row.depth_stride == 1 && row.multiply == nullptr
                ? block.max_bits(count, [&](int64_t k) { return abs_bits(row.data[k]); })
                : block.max_bits(count, [&](int64_t k) { return abs_bits(row.value(0, k)); });
        block.note(top);
        block.once([&] { tops[block.index()] = top; });
    }
};

// The same for vectors that lie interleaved: a block takes kBlockThreads vectors and kDepth of
// depth. tops must be zero before.
struct ColumnTops {
    static constexpr int64_t kDepth = 128;
    static_assert(kDepth % kTriangleRows == 0 && kBlockThreads % kTriangleRows == 0);
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
        const int64_t count = least(kBlockThreads, operand.vectors - first);
        const auto stop = static_cast<int>(least(operand.depth - from, kDepth));
        if (from + stop <= operand.first_depth(first)) return;
        const auto part = operand.part(z, first, from);
        block.each(count, [&](int64_t i) {
            uint32_t top = 0;
            const float* at = part.data + i * part.vector_stride;
            for (int k = 0; k < stop; ++k, at += part.depth_stride) {
                const uint32_t bits = abs_bits(part.multiplied(at, k));
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
        block.each(least(kBlockThreads, count - first), [&](int64_t i) {
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

// Four int8 in a word, the first lowest, and their sums, which fit an int8 again.
ASSAY_HD uint32_t four_bytes(const int32_t* from) {
    const auto low = [&](int j) { return static_cast<uint32_t>(from[j]) & 0xFFU; };
    return low(0) | low(1) << 8 | low(2) << 16 | low(3) << 24;
}
ASSAY_HD uint32_t add_bytes(uint32_t a, uint32_t b) {
    constexpr uint32_t kSigns = 0x80808080U;
    return ((a & ~kSigns) + (b & ~kSigns)) ^ ((a ^ b) & kSigns);
}

// The words of the planes of four quantised values (see pack_digits.h for the planes): base-128
// digits from -64 to 63, lowest first, the last one what is left; then the sums of every two.
template <class Known>
ASSAY_HD void plane_words(int32_t* q, uint32_t* word) {
    constexpr int kLast = Known::kCount - 1;
    ASSAY_UNROLL
    for (int d = 0; d < kLast; ++d) {
        ASSAY_UNROLL
        for (int j = 0; j < 4; ++j) q[j] += 64;
        // (x mod 128) - 64 of each byte, without a borrow between bytes.
        word[d] = (((four_bytes(q) & 0x7F7F7F7FU) | 0x80808080U) - 0x40404040U) ^ 0x80808080U;
        ASSAY_UNROLL
        for (int j = 0; j < 4; ++j) q[j] >>= 7;
    }
    word[kLast] = four_bytes(q);
    if constexpr (Known::kCount == 2) word[2] = add_bytes(word[0], word[1]);
    if constexpr (Known::kCount == 3) {
        word[3] = add_bytes(word[0], word[1]);
        word[4] = add_bytes(word[0], word[2]);
        word[5] = add_bytes(word[1], word[2]);
    }
}

// The sum that int32 sums of the planes stand for, for contractions of at most kProductRange: the
// products of different digits are together less than 2^30, so that 32 bits hold them.
template <class Known>
ASSAY_HD int64_t joined_planes(const int32_t* p) {
    if constexpr (Known::kCount == 1) return p[0];
    if constexpr (Known::kCount == 2)
        return int64_t{p[1]} * 16384 + (int64_t{p[2] - p[0] - p[1]} * 128 + p[0]);
    if constexpr (Known::kCount == 3) {
        const int64_t high = int64_t{p[2]} * 16384 +
                             (int64_t{p[5] - p[1] - p[2]} * 128 + (p[4] - p[0] - p[2] + p[1]));
        return high * 16384 + (int64_t{p[3] - p[0] - p[1]} * 128 + p[0]);
    }
}

// Quantises tiles of kTile vectors x kTile of depth and writes their planes; what is beyond the
// operand becomes zero. Reads and writes run along memory: the tile turns in between. A block takes
// kTiles tiles along the depth.
struct PackTile {
    static constexpr int64_t kTiles = 8;
    static constexpr int kRow = kTile + 1;  // of the tile, in banks of its own
    static constexpr int kPasses = kTile * kTile / kBlockThreads;
    static constexpr int kPassRows = kBlockThreads / kTile;
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
        const auto stop = static_cast<int>(least(to.padded_depth - k0, kTiles * kTile));
        const auto vectors = static_cast<int>(least(operand.vectors - v0, kTile));
        const auto depth = static_cast<int>(least(operand.depth - k0, kTiles * kTile));
        // A padded operand has zeros after its depth, a triangle nothing after its part.
        const int64_t used_stop =
            operand.triangle == Triangle::kUpTo ? operand.depth_stop(v0) : to.padded_depth;
        const auto from = operand.part(z, v0, k0);
        with_slices(slices, [&](auto known) {
            using Known = decltype(known);
            int8_t* const first =
                to.data + (z * Known::kPlanes * to.padded_vectors + v0) * to.padded_depth + k0;
            const float* const inverse =
                to.down == nullptr ? nullptr : to.down + z * operand.vectors + v0;
            for (int k = 0; k < stop; k += kTile) {
                if (k0 + k < operand.first_depth(v0) || k0 + k >= used_stop) continue;
                read(block, from, vectors, depth, k);
                write<Known>(block, inverse, vectors, first + k);
            }
        });
    }

private:
    // vectors and depth: how many of each there are from the part's first on.
    template <class Block>
    ASSAY_HD void read(const Block& block, const Operand::Part& from, int vectors, int depth,
                       int k0) const {
        const bool by_vector = from.vector_stride == 1;
        const int64_t lane_stride = by_vector ? from.vector_stride : from.depth_stride;
        const int64_t other_stride = by_vector ? from.depth_stride : from.vector_stride;
        const int lanes = by_vector ? vectors : depth - k0;
        const int others = by_vector ? depth - k0 : vectors;
        const float* const first_at = from.data + k0 * from.depth_stride;
        block.each(kBlockThreads, [&](int64_t i) {
            const int lane = static_cast<int>(i) % kTile, first = static_cast<int>(i) / kTile;
            const float* at = first_at + lane * lane_stride + first * other_stride;
            float* to_tile = block.tile() + (by_vector ? lane * kRow + first : first * kRow + lane);
            ASSAY_UNROLL
            for (int pass = 0; pass < kPasses; ++pass) {
                const int other = first + pass * kPassRows;
                const bool inside = lane < lanes && other < others;
                *to_tile = inside ? from.multiplied(at, k0 + (by_vector ? other : lane)) : 0.0F;
                at += kPassRows * other_stride;
                to_tile += by_vector ? kPassRows : kPassRows * kRow;
            }
        });
    }
    template <class Known, class Block>
    ASSAY_HD void write(const Block& block, const float* inverses, int vectors,
                        int8_t* to_first) const {
        block.each(kTile * kFours, [&](int64_t i) {
            const int v = static_cast<int>(i) / kFours, k = static_cast<int>(i) % kFours * 4;
            float inverse = inverses == nullptr ? 1.0F : 0.0F;
            if (inverses != nullptr && v < vectors) inverse = inverses[v];
            int32_t q[4];
            ASSAY_UNROLL
            for (int j = 0; j < 4; ++j) q[j] = rne(block.tile()[v * kRow + k + j] * inverse);
            uint32_t words[Known::kPlanes];
            plane_words<Known>(q, words);
            int8_t* at = to_first + v * to.padded_depth + k;
            ASSAY_UNROLL
            for (int p = 0; p < Known::kPlanes; ++p, at += to.plane_size())
                *reinterpret_cast<uint32_t*>(at) = words[p];  // little-endian, as every target is
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
        made.count = least(kWidth, columns - j0);
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
        int32_t p[Known::kPlanes];
        const int32_t* at = own.products + j;
        ASSAY_UNROLL
        for (int k = 0; k < Known::kPlanes; ++k, at += own.plane_stride) p[k] = *at;
        return joined_planes<Known>(p);
    }
};

// A result that is not needed but not finite is a fault all the same (docs/arithmetic.md), and
// Triangle::kResult leaves those above the diagonal out. One block a member: it has nothing to do
// where scales show that no result can overflow, as almost always; else it evaluates them one by
// one.
struct LeftOutResults {
    Planes a, b;
    int slices;
    int64_t depth;
    template <class Block>
    ASSAY_HD void operator()(const Block& block) const {
        const int64_t z = block.index();
        const float *up_a = a.up + z * a.vectors, *up_b = b.up + z * b.vectors;
        const float most_a = block.max_float(a.vectors, 0.0F, [&](int64_t v) { return up_a[v]; });
        const float most_b = block.max_float(b.vectors, 0.0F, [&](int64_t v) { return up_b[v]; });
        constexpr float kSafe = 1e38F;  // below the largest float, whatever is rounded here
        const auto limit = static_cast<float>(slice_limit(slices));
        const float first = limit * limit * static_cast<float>(depth) * most_a;
        if (first < kSafe && first * most_b < kSafe) return;
        block.each(a.vectors, [&](int64_t i) {
            for (int64_t j = i + 1; j < b.vectors; ++j) {
                int64_t sum = 0;
                for (int64_t k = 0; k < depth; ++k)
                    sum += int64_t{quantised(a, z, i, k)} * quantised(b, z, j, k);
                block.note(abs_bits((int_to_f32(sum) * up_a[i]) * up_b[j]));
            }
        });
    }

private:
    // The value whose digits are the first planes.
    ASSAY_HD int32_t quantised(const Planes& from, int64_t z, int64_t v, int64_t k) const {
        const int8_t* at =
            from.data + z * digit_planes(slices) * from.plane_size() + v * from.padded_depth + k;
        int32_t q = 0;
        for (int d = 0; d < slices; ++d, at += from.plane_size())
            q += int32_t{*at} * (1 << (7 * d));
        return q;
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
