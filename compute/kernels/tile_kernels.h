// The plain tile of a product: 4 x 16 exact dot products over packed panels. Internal to kernel
// files. Threads: pure. Errors: see kernel_table.h.
#pragma once

#include "compute/kernels/kernel_table.h"

namespace assay::compute {

// Units (pairs of k) whose products fit an int32 accumulator: 2 * 8127^2 * 16 < 2^31.
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
        int64_t sums[kTileRows][kTileCols] = {};
        if (job.slices == 3) {
            wide(job, sums);
        } else {
            pairs(job, sums);
        }
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
    static void wide(const TileJob& job, int64_t (*sums)[kTileCols]) {
        for (int64_t u = 0; u < job.units; ++u) {
            const int32_t* a = job.a + u * kTileRows;
            const int32_t* b = job.b + u * kTileCols;
            for (int64_t i = 0; i < kTileRows; ++i)
                for (int64_t j = 0; j < kTileCols; ++j) sums[i][j] += int64_t{a[i]} * b[j];
        }
    }

    static void pairs(const TileJob& job, int64_t (*sums)[kTileCols]) {
        const int64_t chunk = chunk_units(job.slices);
        for (int64_t from = 0; from < job.units; from += chunk) {
            const int64_t to = from + chunk < job.units ? from + chunk : job.units;
            int32_t part[kTileRows][kTileCols] = {};
            for (int64_t u = from; u < to; ++u) add_unit(job, u, part);
            for (int64_t i = 0; i < kTileRows; ++i)
                for (int64_t j = 0; j < kTileCols; ++j) sums[i][j] += part[i][j];
        }
    }

    static ASSAY_HD void add_unit(const TileJob& job, int64_t u, int32_t (*part)[kTileCols]) {
        const int32_t* a = job.a + u * kTileRows;
        const int32_t* b = job.b + u * kTileCols;
        for (int64_t i = 0; i < kTileRows; ++i) {
            const int32_t a0 = static_cast<int16_t>(a[i]), a1 = a[i] >> 16;
            for (int64_t j = 0; j < kTileCols; ++j)
                part[i][j] += a0 * static_cast<int16_t>(b[j]) + a1 * (b[j] >> 16);
        }
    }
};

}  // namespace assay::compute
