// Quantising and packing, shared parts and the plain form. Internal to kernel files.
//
// Threads: pure. Errors: see kernel_table.h.
#pragma once

#include "compute/kernels/kernel_table.h"
#include "compute/kernels/vector_loop.h"

namespace assay::compute {

ASSAY_HD int64_t pack_units(int64_t depth, int slices) {
    return slices == 3 ? depth : (depth + 1) / 2;
}

ASSAY_HD int32_t join_pair(int32_t first, int32_t second) {
    return static_cast<int32_t>((static_cast<uint32_t>(first) & 0xFFFFU) |
                                static_cast<uint32_t>(second) << 16);
}

inline constexpr int64_t kMaxGroup = 64;  // vectors of a PackJob

// From the magnitude bits of each vector: its scale 2^e to `scale`, 2^-e (0: all q are 0) to
// `inverse`. Returns the largest bits.
ASSAY_HD Bits pack_scales(const PackJob& job, const uint32_t* tops, float* inverse) {
    Bits bits = 0;
    for (int64_t v = 0; v < job.group; ++v) {
        const RowScale s = v < job.vectors && !job.unit_scale ? row_scale(tops[v], job.slices)
                                                              : RowScale{0, !job.unit_scale};
        job.scale[v] = pow2(s.e);
        inverse[v] = s.zero ? 0.0F : pow2(-s.e);
        if (v < job.vectors && tops[v] > bits) bits = tops[v];
    }
    return bits;
}

// Any strides, one value at a time. L only gives each object file its own copy.
template <class L>
struct PackKernels {
    static ASSAY_HD float value(const PackJob& job, int64_t v, int64_t k) {
        const float x = job.data[v * job.vector_stride + k * job.depth_stride];
        return job.multiply == nullptr ? x : x * job.multiply[k];
    }

    static Bits pack(const PackJob& job) {
        uint32_t tops[kMaxGroup] = {};
        for (int64_t v = 0; v < job.vectors; ++v) {
            for (int64_t k = job.from; k < job.stop; ++k) {
                const uint32_t bits = abs_bits(value(job, v, k));
                tops[v] = bits > tops[v] ? bits : tops[v];
            }
        }
        float inverse[kMaxGroup];
        const Bits bits = pack_scales(job, tops, inverse);
        if (bits >= kInfinityBits) return bits;  // the panel stays as it was: the step is over
        const int64_t end = pack_units(job.stop, job.slices);
        for (int64_t u = pack_units(job.from, job.slices); u < end; ++u) {
            for (int64_t v = 0; v < job.group; ++v) {
                int32_t* to = job.out + v * job.out_vector_stride + u * job.out_unit_stride;
                *to = v < job.vectors ? unit(job, v, u, inverse[v]) : 0;
            }
        }
        if (job.slices != 3) write_norms(job);
        return bits;
    }

private:
    static ASSAY_HD int32_t unit(const PackJob& job, int64_t v, int64_t u, float inverse) {
        if (job.slices == 3) return rne(value(job, v, u) * inverse);
        const int64_t k = 2 * u;
        const int32_t second = k + 1 < job.stop ? rne(value(job, v, k + 1) * inverse) : 0;
        return join_pair(rne(value(job, v, k) * inverse), second);
    }

    static ASSAY_HD void write_norms(const PackJob& job) {
        for (int64_t k = job.from; k < job.stop; k = (k / kNormBlock + 1) * kNormBlock) {
            const int64_t next = (k / kNormBlock + 1) * kNormBlock;
            const int64_t end = pack_units(next < job.stop ? next : job.stop, job.slices);
            for (int64_t first = 0; first < job.group; first += job.panel) {
                uint32_t top = 0;
                for (int64_t v = first; v < first + job.panel; ++v) {
                    const uint32_t found = square_sum(job.out + v * job.out_vector_stride, k / 2,
                                                      end, job.out_unit_stride);
                    top = found > top ? found : top;
                }
                job.norms[first / job.panel * job.norm_stride + k / kNormBlock] = top;
            }
        }
    }

    // At most 64 * 8127^2 < 2^32.
    static ASSAY_HD uint32_t square_sum(const int32_t* at, int64_t begin, int64_t end,
                                        int64_t stride) {
        uint32_t sum = 0;
        for (int64_t u = begin; u < end; ++u) {
            const int32_t first = static_cast<int16_t>(at[u * stride]),
                          second = at[u * stride] >> 16;
            sum += static_cast<uint32_t>(first * first) + static_cast<uint32_t>(second * second);
        }
        return sum;
    }
};

}  // namespace assay::compute
