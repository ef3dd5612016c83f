// Scratch of GpuBackend: what one operation needs while it runs, by number, and how a product is
// cut into parts that fit. Shared with the planning of memory (compute/program/scratch.h). Plain
// values.
#pragma once

#include <algorithm>

#include "compute/cuda/product_kernels.h"

namespace assay::compute::gpu {

enum Scratch : size_t {
    kTop,
    kSum,
    kSums,
    kTops,
    kRows,
    kScores,
    kScoreGrads,
    kFoldUp,
    kFoldDown,
    kFoldTops,
    kPlanesA,
    kPlanesB,
    kTopsA,
    kTopsB,
    kUpA,
    kUpB,
    kDownA,
    kDownB,
    kProducts,
    kRangeSums,
    kPieces,
    kLeaves,
    kScratches,  // their number
};

inline constexpr int64_t kProductBytes = int64_t{512} << 20;  // of a GPU's int32 sums at a time
inline constexpr int64_t kProductBatch = 65'535;  // of matrices in one call, as a grid's z
inline constexpr int64_t kProductRange = 65'536;  // of a contraction: int32 holds 131,071 products

inline int64_t padded(int64_t n) {
    return std::max<int64_t>(blocks_of(n, kTile), 1) * kTile;
}

// Members of a batch, or rows of one member, whose sums fit at a time.
struct ProductPart {
    int64_t members, rows;
};
inline ProductPart product_part(int64_t rows, int64_t columns, int64_t batch, int slices,
                                Triangle triangle, int64_t budget_bytes) {
    const int64_t row_bytes = digit_planes(slices) * padded(columns) * int64_t{sizeof(int32_t)};
    // Whole tiles, so that every part starts aligned.
    int64_t fitting = std::max<int64_t>(budget_bytes / row_bytes / kTile, 1) * kTile;
    if (triangle != Triangle::kNone) {
        rows = std::min(rows, kTriangleRows);
        // No part may reach into two blocks of the triangle.
        while (kTriangleRows % std::min(fitting, kTriangleRows) != 0) fitting -= kTile;
    }
    const int64_t most = std::min(batch, kProductBatch / digit_planes(slices));
    const int64_t members = std::clamp<int64_t>(fitting / rows, 1, most);
    return {members, members > 1 ? rows : std::min(rows, fitting)};
}

}  // namespace assay::compute::gpu
