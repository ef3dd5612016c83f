// Packing for units that multiply int8: each quantised value as base-128 digits in [-64, 63] and
// their sums, one plane a product. Internal to kernel files.
//
// A plane of 64 k of a vector is 64 bytes. Rows of A: plane after plane, block of k after block.
// B: per block of k and plane, two groups of sixteen columns; four k of the sixteen columns lie
// together. Threads: pure, with a buffer of each thread's own. Errors: see kernel_table.h;
// std::bad_alloc.
#pragma once

#include <algorithm>

#include "compute/kernels/digits.h"
#include "compute/kernels/pack_kernels.h"
#include "compute/kernels/scratch.h"

namespace assay::compute {

// kPackRows packs whole units row by row. D splits 64 k of a vector into the digits of each plane
// (D::split, planes `stride` int32 apart) and transposes sixteen vectors of a plane
// (D::transpose).
template <Bits (*kPackRows)(const PackJob&), class D>
struct PackDigits {
    static Bits pack(const PackJob& job) {
        const int64_t blocks = (job.stop + kDigitBlock - 1) / kDigitBlock;
        const int64_t units = pack_units(blocks * kDigitBlock, job.slices);
        PackJob rows = job;
        rows.out_vector_stride = units + 16;
        rows.out_unit_stride = 1;
        thread_local Scratch<int32_t> kept;
        rows.out = kept.get(static_cast<size_t>(job.group * rows.out_vector_stride));
        const Bits bits = kPackRows(rows);
        if (bits >= kInfinityBits) return bits;
        for (int64_t v = 0; v < job.group; ++v) {
            int32_t* row = rows.out + v * rows.out_vector_stride;
            std::fill(row + pack_units(job.stop, job.slices), row + units, 0);
        }
        const bool is_a = job.out_unit_stride == 1;
        for (int64_t block = job.from / kDigitBlock; block < blocks; ++block) {
            const int32_t* from = rows.out + pack_units(block * kDigitBlock, job.slices);
            for (int64_t v = 0; v < job.group; v += kDigitLanes) {
                const int32_t* vectors = from + v * rows.out_vector_stride;
                is_a ? write_rows(job, vectors, rows.out_vector_stride, v, block)
                     : write_columns(job, vectors, rows.out_vector_stride, v, block);
            }
        }
        return bits;
    }

private:
    static void write_rows(const PackJob& job, const int32_t* from, int64_t from_stride, int64_t v,
                           int64_t block) {
        int32_t* to =
            job.out + v * job.out_vector_stride + block * digit_planes(job.slices) * kPlaneUnits;
        for (int64_t i = 0; i < kDigitLanes; ++i)
            D::split(from + i * from_stride, job.slices, to + i * job.out_vector_stride,
                     kPlaneUnits);
    }

    static void write_columns(const PackJob& job, const int32_t* from, int64_t from_stride,
                              int64_t v, int64_t block) {
        alignas(64) int32_t digits[kMaxPlanes * kDigitTile];
        for (int64_t i = 0; i < kDigitLanes; ++i)
            D::split(from + i * from_stride, job.slices, digits + i * kPlaneUnits, kDigitTile);
        const int64_t planes = digit_planes(job.slices), groups = job.group / kDigitLanes;
        for (int64_t p = 0; p < planes; ++p) {
            const int64_t tile = (block * planes + p) * groups + v / kDigitLanes;
            D::transpose(digits + p * kDigitTile, job.out + tile * kDigitTile);
        }
    }
};

}  // namespace assay::compute
