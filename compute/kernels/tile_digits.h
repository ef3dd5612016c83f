// The 32 x 32 tile for units that multiply int8 matrices (V): one product for each digit plane of
// pack_digits.h, joined exactly. Internal to kernel files.
//
// V is AmxUnit on a machine with AMX; tests instantiate it with plain loops. A V holds eight tiles
// of 16 x 64 bytes. Threads: pure. Errors: see kernel_table.h.
#pragma once

#include "compute/kernels/pack_digits.h"
#include "compute/kernels/tile_kernels.h"

namespace assay::compute {

template <class V>
struct DigitTile {
    static constexpr int64_t kRows = 32, kCols = 32, kGroupRows = 32;
    // 128 * 128 * 4096 stays far below 2^31.
    static constexpr int64_t kDepthBlock = 4096;

    static int64_t units(int64_t depth, int slices) { return digit_units(depth, slices); }

    static Bits tile(const TileJob& job) {
        alignas(64) int32_t part[kMaxPlanes][kRows * kCols];
        const int64_t planes = digit_planes(job.slices);
        V unit;
        for (int64_t p = 0; p < planes; ++p) multiply(unit, job, p, planes, part[p]);
        Bits bits = 0;
        for (int64_t i = 0; i < kRows; ++i) {
            for (int64_t j = 0; j < kCols; ++j) {
                const int64_t at = i * kCols + j;
                int64_t sums[kMaxPlanes];
                for (int64_t p = 0; p < planes; ++p) sums[p] = part[p][at];
                int64_t total = join_planes(sums, job.slices);
                if (job.sums != nullptr) {
                    total += job.first ? 0 : job.sums[at];
                    job.sums[at] = total;
                }
                if (!job.last || i >= job.rows || j >= job.cols) continue;
                const Bits found = store_element(job, i, j, int_to_f32(total));
                bits = found > bits ? found : bits;
            }
        }
        return bits;
    }

private:
    static void multiply(V& unit, const TileJob& job, int64_t plane, int64_t planes, int32_t* out) {
        constexpr int64_t kHalf = 16 * kPlaneUnits;  // one tile of B, in int32
        unit.template zero<0>();
        unit.template zero<1>();
        unit.template zero<2>();
        unit.template zero<3>();
        const int64_t end = (job.stop + kDigitBlock - 1) / kDigitBlock;
        const int64_t row_bytes = job.stride_a * int64_t{sizeof(int32_t)};
        for (int64_t block = job.from / kDigitBlock; block < end; ++block) {
            const int64_t index = block * planes + plane;
            const int32_t* a = job.a + index * kPlaneUnits;
            const int32_t* b = job.b + 2 * index * kHalf;
            unit.template load<4>(a, row_bytes);
            unit.template load<5>(a + 16 * job.stride_a, row_bytes);
            unit.template load<6>(b, kDigitBlock);
            unit.template load<7>(b + kHalf, kDigitBlock);
            unit.template add_product<0, 4, 6>();
            unit.template add_product<1, 4, 7>();
            unit.template add_product<2, 5, 6>();
            unit.template add_product<3, 5, 7>();
        }
        constexpr int64_t kOutBytes = kCols * int64_t{sizeof(int32_t)};
        unit.template store<0>(out, kOutBytes);
        unit.template store<1>(out + 16, kOutBytes);
        unit.template store<2>(out + 16 * kCols, kOutBytes);
        unit.template store<3>(out + 16 * kCols + 16, kOutBytes);
    }
};

}  // namespace assay::compute
