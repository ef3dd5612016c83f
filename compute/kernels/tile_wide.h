// The 12 x 32 tile for units of sixteen int32 lanes (V): dot products of int16 pairs for one and
// two slices, 32 x 32 bit products for three. Internal to kernel files.
//
// V is Avx512Vectors on a machine with AVX-512 VNNI; tests instantiate it with plain loops. Sums
// are widened to int64 where chunk.h says so. Threads: pure. Errors: see kernel_table.h.
#pragma once

#include "compute/kernels/chunk.h"
#include "compute/kernels/pack_kernels.h"
#include "compute/kernels/tile_finish.h"

namespace assay::compute {

template <class V>
struct WideTile {
    static constexpr int64_t kLanes = 16;
    static constexpr int64_t kRows = 12, kCols = 2 * kLanes, kGroupRows = 48;
    // A panel of B is 64 KiB then and comes from the second-level cache fast enough; fewer ranges
    // leave fewer partial sums to keep.
    static constexpr int64_t kDepthBlock = 1024;
    using I = typename V::I;
    using F = typename V::F;

    static Bits tile(const TileJob& job) {
        F out[kRows][2];
        if (job.last) Finish::fetch_output(job);
        if (job.slices == 3) {
            wide_sums(job, out);
        } else {
            pair_sums(job, out);
        }
        return job.last ? Finish::finish(job, out) : 0;
    }

private:
    using Accumulators = I[kRows][2];
    using Finish = TileFinish<V, kRows>;
    using TileSums = typename Finish::Sums;

    // acc = sums over units [begin, end). Not inlined: it needs every register.
    static __attribute__((noinline)) void sum_pairs(Accumulators& acc, const TileJob& job,
                                                    int64_t begin, int64_t end) {
        I sum[kRows][2];
        ASSAY_UNROLL_ALL
        for (int64_t i = 0; i < kRows; ++i) sum[i][0] = sum[i][1] = V::zero();
        const int32_t* a = job.a + begin;
        const int32_t* b = job.b + begin * kCols;
        const int64_t stride = job.stride_a;
        for (int64_t u = begin; u < end; ++u, ++a, b += kCols) {
            const I b0 = V::load(b), b1 = V::load(b + kLanes);
            ASSAY_UNROLL_ALL
            for (int64_t i = 0; i < kRows; ++i) {
                const I x = V::set(a[i * stride]);
                sum[i][0] = V::add_dot(sum[i][0], x, b0);
                sum[i][1] = V::add_dot(sum[i][1], x, b1);
            }
        }
        ASSAY_UNROLL_ALL
        for (int64_t i = 0; i < kRows; ++i) {
            acc[i][0] = sum[i][0];
            acc[i][1] = sum[i][1];
        }
    }

    static void pair_sums(const TileJob& job, TileSums& out) {
        alignas(64) int64_t own[kRows * kCols];
        int64_t* sums = job.sums != nullptr ? job.sums : own;
        Accumulators acc;
        bool set = job.first;
        for (int64_t at = job.from; at < job.stop || set;) {
            const int64_t end = at < job.stop ? chunk_end(job, at) : at;
            sum_pairs(acc, job, at / 2, (end + 1) / 2);
            if (set && end == job.stop && job.last) {
                for (int64_t i = 0; i < kRows; ++i)
                    for (int64_t h = 0; h < 2; ++h) out[i][h] = V::to_floats(acc[i][h]);
                return;
            }
            for (int64_t i = 0; i < kRows; ++i)
                for (int64_t h = 0; h < 2; ++h)
                    V::widen(acc[i][h], set, sums + i * kCols + h * kLanes);
            set = false;
            at = end;
        }
        if (!job.last) return;
        for (int64_t i = 0; i < kRows; ++i)
            for (int64_t h = 0; h < 2; ++h)
                out[i][h] = V::wide_to_floats(sums + i * kCols + h * kLanes);
    }

    // Three slices: int64 sums of 21-bit products, columns of even and odd index apart.
    static void wide_sums(const TileJob& job, TileSums& out) {
        alignas(64) int64_t own[kRows * kCols];
        int64_t* sums = job.sums != nullptr ? job.sums : own;
        for (int64_t h = 0; h < 2; ++h) {
            typename V::Wide even[kRows], odd[kRows];
            for (int64_t i = 0; i < kRows; ++i) even[i] = odd[i] = V::zero_wide();
            for (int64_t u = job.from; u < job.stop; ++u) {
                const I b = V::load(job.b + u * kCols + h * kLanes);
                ASSAY_UNROLL_ALL
                for (int64_t i = 0; i < kRows; ++i) {
                    const I x = V::set(job.a[i * job.stride_a + u]);
                    even[i] = V::add_even(even[i], x, b);
                    odd[i] = V::add_odd(odd[i], x, b);
                }
            }
            for (int64_t i = 0; i < kRows; ++i) {
                int64_t* to = sums + i * kCols + h * kLanes;
                V::add_interleaved(even[i], odd[i], job.first, to);
                if (job.last) out[i][h] = V::wide_to_floats(to);
            }
        }
    }
};

}  // namespace assay::compute
