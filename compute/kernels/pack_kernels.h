// Quantising and packing, shared parts and the plain form. Internal to kernel files.
//
// A panel holds kTileRows (or kTileCols) vectors unit by unit, so that a tile kernel reads both
// operands in order. Threads: pure. Errors: see kernel_table.h.
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

// From the magnitude bits of each vector: its scale 2^e to `scale`, 2^-e (0: all q are 0) to
// `inverse`. Returns the largest bits.
ASSAY_HD Bits pack_scales(const PackJob& job, const uint32_t* tops, float* inverse) {
    Bits bits = 0;
    for (int64_t v = 0; v < 8; ++v) {
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
        uint32_t tops[8] = {};
        for (int64_t v = 0; v < job.vectors; ++v) {
            for (int64_t k = 0; k < job.depth; ++k) {
                const uint32_t bits = abs_bits(value(job, v, k));
                tops[v] = bits > tops[v] ? bits : tops[v];
            }
        }
        float inverse[8];
        const Bits bits = pack_scales(job, tops, inverse);
        if (bits >= kInfinityBits) return bits;  // the panel stays as it was: the step is over
        const int64_t units = pack_units(job.depth, job.slices);
        for (int64_t u = 0; u < units; ++u) {
            for (int64_t v = 0; v < 8; ++v) {
                int32_t* to = (v < 4 ? job.low + v : job.high + (v - 4)) + u * job.stride;
                *to = v < job.vectors ? unit(job, v, u, inverse[v]) : 0;
            }
        }
        return bits;
    }

private:
    static ASSAY_HD int32_t unit(const PackJob& job, int64_t v, int64_t u, float inverse) {
        if (job.slices == 3) return rne(value(job, v, u) * inverse);
        const int64_t k = 2 * u;
        const int32_t second = k + 1 < job.depth ? rne(value(job, v, k + 1) * inverse) : 0;
        return join_pair(rne(value(job, v, k) * inverse), second);
    }
};

}  // namespace assay::compute
