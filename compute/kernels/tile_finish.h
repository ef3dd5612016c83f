// The end of a tile for units of sixteen lanes (V): rounded sums, scaled, biased and stored.
// Internal to kernel files. Threads: pure. Errors: see kernel_table.h.
#pragma once

#include "compute/kernels/kernel_table.h"

namespace assay::compute {

// A tile of kRows x 32.
template <class V, int64_t kRows>
struct TileFinish {
    static constexpr int64_t kLanes = 16;
    using I = typename V::I;
    using F = typename V::F;
    using Sums = F[kRows][2];

    // Asks for the lines of c that finish() will write.
    static void fetch_output(const TileJob& job) {
        for (int64_t i = 0; i < job.rows; ++i) {
            const float* row = job.c + i * job.ldc;
            __builtin_prefetch(row, 1);
            __builtin_prefetch(row + job.cols / 2, 1);
            __builtin_prefetch(row + job.cols - 1, 1);
        }
    }

    static Bits finish(const TileJob& job, const Sums& sums) {
        I top = V::zero();
        const int64_t rows = job.rows, ldc = job.ldc;
        const float* scale_a = job.scale_a;
        for (int64_t h = 0; h < 2; ++h) {
            const int64_t count = job.cols - h * kLanes;
            if (count <= 0) break;
            const F scale_b = V::load_some(job.scale_b + h * kLanes, count);
            const bool biased = job.bias != nullptr;
            const F bias = biased ? V::load_some(job.bias + h * kLanes, count) : scale_b;
            float* to = job.c + h * kLanes;
            for (int64_t i = 0; i < rows; ++i, to += ldc) {
                F x = V::mul(V::mul(sums[i][h], V::set(scale_a[i])), scale_b);
                if (biased) x = V::add(x, bias);
                top = V::max_magnitude(top, x, count);
                V::store_some(to, x, count);
            }
        }
        return V::top(top);
    }
};

}  // namespace assay::compute
