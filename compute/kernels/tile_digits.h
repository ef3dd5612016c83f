// The 32 x 32 tile for units that multiply int8 matrices (U): one product for each digit plane of
// pack_digits.h, joined exactly in sixteen lanes (V). Internal to kernel files.
//
// U is AmxUnit on a machine with AMX; tests instantiate it with plain loops. A U holds eight tiles
// of 16 x 64 bytes. Threads: pure. Errors: see kernel_table.h.
#pragma once

#include "compute/kernels/pack_digits.h"
#include "compute/kernels/tile_finish.h"

namespace assay::compute {

template <class U, class V>
struct DigitTile {
    static constexpr int64_t kRows = 32, kCols = 32, kGroupRows = 32;
    // The panels of A and B then lie in the second-level cache, and few products need partial
    // sums. The sums of a plane, 128 * 128 * 1024, stay far below 2^31.
    static constexpr int64_t kDepthBlock = 1024;

    static int64_t units(int64_t depth, int slices) { return digit_units(depth, slices); }

    static Bits tile(const TileJob& job) {
        alignas(64) int32_t part[kMaxPlanes][kRows * kCols];
        if (job.last) Finish::fetch_output(job);
        const int64_t planes = digit_planes(job.slices);
        U unit;
        for (int64_t p = 0; p < planes; ++p) multiply(unit, job, p, planes, part[p]);
        typename Finish::Sums out;
        for (int64_t i = 0; i < kRows; ++i) {
            alignas(64) int64_t own[kCols];
            join_row(part, i * kCols, job.slices, own);
            int64_t* total = own;
            if (job.sums != nullptr) {
                total = job.sums + i * kCols;
                for (int64_t j = 0; j < kCols; ++j) total[j] = own[j] + (job.first ? 0 : total[j]);
            }
            for (int64_t h = 0; h < 2; ++h) out[i][h] = V::wide_to_floats(total + h * kCols / 2);
        }
        return job.last ? Finish::finish(job, out) : 0;
    }

private:
    using Finish = TileFinish<V, kRows>;

    // The exact products of a row from the sums of their planes.
    static void join_row(const int32_t (*part)[kRows * kCols], int64_t at, int slices,
                         int64_t* out) {
        if (slices == 1) return join_row<1>(part, at, out);
        if (slices == 2) return join_row<2>(part, at, out);
        join_row<3>(part, at, out);
    }
    template <int kSlices>
    static void join_row(const int32_t (*part)[kRows * kCols], int64_t at, int64_t* out) {
        constexpr int64_t kPlanes = digit_planes(kSlices);
        for (int64_t j = 0; j < kCols; ++j) {
            int64_t p[kPlanes];
            for (int64_t plane = 0; plane < kPlanes; ++plane) p[plane] = part[plane][at + j];
            out[j] = join_planes(p, kSlices);
        }
    }

    static void multiply(U& unit, const TileJob& job, int64_t plane, int64_t planes, int32_t* out) {
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
