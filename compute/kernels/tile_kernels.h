// The plain tile of a product: 4 x 16 exact dot products over packed panels, and what all tiles
// share. Internal to kernel files. Threads: pure. Errors: see kernel_table.h.
#pragma once

#include "compute/kernels/pack_kernels.h"

namespace assay::compute {

inline constexpr int64_t kPlainRows = 4, kPlainCols = 16;

// Units (pairs of k) whose products always fit an int32 accumulator: 2 * 8127^2 * 16 < 2^31.
inline constexpr int64_t kChunkUnits2 = 16;
inline constexpr int64_t kChunkUnits1 = 32768;
ASSAY_HD int64_t chunk_units(int slices) {
    return slices == 1 ? kChunkUnits1 : kChunkUnits2;
}

// One element: rounded sum, two exact scalings, bias.
ASSAY_HD Bits store_element(const TileJob& job, int64_t i, int64_t j, float sum) {
    float value = (sum * job.scale_a[i]) * job.scale_b[j];
    if (job.bias != nullptr) value = value + job.bias[j];
    job.c[i * job.ldc + j] = value;
    return abs_bits(value);
}

template <class L>
struct TileKernels {
    static Bits tile(const TileJob& job) {
        int64_t sums[kPlainRows][kPlainCols] = {};
        const int64_t begin = pack_units(job.from, job.slices);
        const int64_t end = pack_units(job.stop, job.slices);
        if (job.slices == 3) {
            wide(job, begin, end, sums);
        } else {
            pairs(job, begin, end, sums);
        }
        if (job.sums != nullptr) join_ranges(job, sums);
        if (!job.last) return 0;
        Bits bits = 0;
        for (int64_t i = 0; i < job.rows; ++i) {
            for (int64_t j = 0; j < job.cols; ++j) {
                const Bits found = store_element(job, i, j, int_to_f32(sums[i][j]));
                bits = found > bits ? found : bits;
            }
        }
        return bits;
    }

private:
    static ASSAY_HD void join_ranges(const TileJob& job, int64_t (*sums)[kPlainCols]) {
        for (int64_t i = 0; i < kPlainRows; ++i) {
            for (int64_t j = 0; j < kPlainCols; ++j) {
                int64_t& total = job.sums[i * kPlainCols + j];
                total = sums[i][j] += job.first ? 0 : total;
            }
        }
    }

    static void wide(const TileJob& job, int64_t begin, int64_t end, int64_t (*sums)[kPlainCols]) {
        for (int64_t u = begin; u < end; ++u) {
            const int32_t* b = job.b + u * kPlainCols;
            for (int64_t i = 0; i < kPlainRows; ++i) {
                const int64_t a = job.a[i * job.stride_a + u];
                for (int64_t j = 0; j < kPlainCols; ++j) sums[i][j] += a * b[j];
            }
        }
    }

    static void pairs(const TileJob& job, int64_t begin, int64_t end, int64_t (*sums)[kPlainCols]) {
        const int64_t chunk = chunk_units(job.slices);
        for (int64_t from = begin; from < end; from += chunk) {
            const int64_t to = from + chunk < end ? from + chunk : end;
            int32_t part[kPlainRows][kPlainCols] = {};
            for (int64_t u = from; u < to; ++u) add_unit(job, u, part);
            for (int64_t i = 0; i < kPlainRows; ++i)
                for (int64_t j = 0; j < kPlainCols; ++j) sums[i][j] += part[i][j];
        }
    }

    static ASSAY_HD void add_unit(const TileJob& job, int64_t u, int32_t (*part)[kPlainCols]) {
        const int32_t* b = job.b + u * kPlainCols;
        for (int64_t i = 0; i < kPlainRows; ++i) {
            const int32_t a = job.a[i * job.stride_a + u];
            const int32_t a0 = static_cast<int16_t>(a), a1 = a >> 16;
            for (int64_t j = 0; j < kPlainCols; ++j)
                part[i][j] += a0 * static_cast<int16_t>(b[j]) + a1 * (b[j] >> 16);
        }
    }
};

}  // namespace assay::compute
