// How far a tile may sum in int32 before it must widen. Internal to kernel files.
//
// Cauchy-Schwarz: |sum a_k b_k|^2 <= (sum a_k^2) (sum b_k^2), and packing recorded the largest sum
// of squares of each panel in each kNormBlock of k. While the product of both stays below 2^62, no
// sum of the tile can leave int32, so ordinary values need few widenings or none; the worst values
// still sum 32 of k. Exactness never rests on the values: only speed does.
// Threads: pure. Errors: none.
#pragma once

#include "compute/kernels/kernel_table.h"

namespace assay::compute {

inline constexpr int64_t kSafeDepth = 32;  // 32 * 8127^2 < 2^31

// The end of the longest safe range of k from `at`; greater than `at`.
ASSAY_HD int64_t chunk_end(const TileJob& job, int64_t at) {
    constexpr double kBound = 4.6e18;  // below 2^62, and so is what binary64 rounds
    double a = 0, b = 0;
    int64_t end = at;
    while (end < job.stop) {
        const int64_t block = end / kNormBlock;
        a += static_cast<double>(job.norms_a[block]);
        b += static_cast<double>(job.norms_b[block]);
        if (a * b >= kBound) break;
        end = (block + 1) * kNormBlock;
    }
    if (end == at) end = (at / kSafeDepth + 1) * kSafeDepth;
    return end < job.stop ? end : job.stop;
}

}  // namespace assay::compute
