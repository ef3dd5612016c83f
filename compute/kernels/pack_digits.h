// Packing for units that multiply int8: each quantised value as base-128 digits in [-64, 63] and
// their sums, one plane a product. Internal to kernel files.
//
// A plane of 64 k of a vector is 64 bytes. Rows of A: plane after plane, block of k after block.
// B: per block of k and plane, two groups of sixteen columns; four k of the sixteen columns lie
// together. Threads: pure, but allocates. Errors: see kernel_table.h; std::bad_alloc.
#pragma once

#include <cstring>
#include <new>

#include "compute/kernels/pack_kernels.h"

namespace assay::compute {

inline constexpr int64_t kDigitBlock = 64;               // k of one plane
inline constexpr int64_t kPlaneUnits = kDigitBlock / 4;  // int32 of it
inline constexpr int64_t kMaxPlanes = 6;

// Products of digit planes that make up one exact product (Karatsuba's scheme).
ASSAY_HD int64_t digit_planes(int slices) {
    return slices == 1 ? 1 : slices == 2 ? 3 : 6;
}
ASSAY_HD int64_t digit_units(int64_t depth, int slices) {
    return (depth + kDigitBlock - 1) / kDigitBlock * digit_planes(slices) * kPlaneUnits;
}

// The exact product from the sums of its planes.
ASSAY_HD int64_t join_planes(const int64_t* p, int slices) {
    if (slices == 1) return p[0];
    if (slices == 2) return p[1] * 16384 + (p[2] - p[0] - p[1]) * 128 + p[0];
    return (p[2] * 16384 + (p[5] - p[1] - p[2]) * 128 + (p[4] - p[0] - p[2]) + p[1]) * 16384 +
           (p[3] - p[0] - p[1]) * 128 + p[0];
}

// kPackRows packs whole units row by row.
template <Bits (*kPackRows)(const PackJob&)>
struct PackDigits {
    static Bits pack(const PackJob& job) {
        const int64_t blocks = (job.stop + kDigitBlock - 1) / kDigitBlock;
        PackJob rows = job;
        rows.out_vector_stride = pack_units(blocks * kDigitBlock, job.slices) + 16;
        rows.out_unit_stride = 1;
        const auto bytes =
            static_cast<size_t>(job.group * rows.out_vector_stride) * sizeof(int32_t);
        rows.out = static_cast<int32_t*>(::operator new(bytes));
        std::memset(rows.out, 0, bytes);
        const Bits bits = kPackRows(rows);
        if (bits < kInfinityBits) {
            for (int64_t v = 0; v < job.group; ++v)
                for (int64_t block = job.from / kDigitBlock; block < blocks; ++block)
                    write(job, v, block, rows.out + v * rows.out_vector_stride);
        }
        ::operator delete(rows.out);
        return bits;
    }

private:
    static ASSAY_HD int32_t low_digit(int32_t q) { return ((q + 64) & 127) - 64; }

    static void write(const PackJob& job, int64_t v, int64_t block, const int32_t* row) {
        int8_t planes[kMaxPlanes][kDigitBlock];
        for (int64_t i = 0; i < kDigitBlock; ++i)
            split(value(row, block * kDigitBlock + i, job.slices), job.slices, i, planes);
        const int64_t count = digit_planes(job.slices);
        for (int64_t p = 0; p < count; ++p) {
            int32_t units[kPlaneUnits];
            std::memcpy(units, planes[p], sizeof units);
            if (job.out_unit_stride == 1) {
                int32_t* to = job.out + v * job.out_vector_stride;
                std::memcpy(to + (block * count + p) * kPlaneUnits, units, sizeof units);
            } else {
                int32_t* to = job.out + ((block * count + p) * 2 + v / 16) * 16 * kPlaneUnits;
                for (int64_t r = 0; r < kPlaneUnits; ++r) to[r * 16 + v % 16] = units[r];
            }
        }
    }

    static ASSAY_HD int32_t value(const int32_t* row, int64_t k, int slices) {
        if (slices == 3) return row[k];
        return k % 2 == 0 ? static_cast<int16_t>(row[k / 2]) : row[k / 2] >> 16;
    }

    static ASSAY_HD void split(int32_t q, int slices, int64_t i, int8_t (*planes)[kDigitBlock]) {
        const auto put = [&](int p, int32_t digit) { planes[p][i] = static_cast<int8_t>(digit); };
        if (slices == 1) return put(0, q);
        const int32_t d0 = low_digit(q), rest = (q - d0) >> 7;
        put(0, d0);
        if (slices == 2) {
            put(1, rest);
            return put(2, d0 + rest);
        }
        const int32_t d1 = low_digit(rest), d2 = (rest - d1) >> 7;
        put(1, d1);
        put(2, d2);
        put(3, d0 + d1);
        put(4, d0 + d2);
        put(5, d1 + d2);
    }
};

}  // namespace assay::compute
