// Patches of images and back, an element a thread (compute/kernels/image_kernels.h).
#pragma once

#include "compute/cuda/layer_kernels.h"
#include "compute/kernels/image_kernels.h"

namespace assay::compute::gpu {

struct Patches {
    PatchShape shape;
    const float* x;
    float* out;
    ASSAY_HD uint32_t operator()(int64_t n) const {
        const int64_t cols = shape.out_cols(), column = n % cols;
        const int64_t from = patch_source(shape, n / cols, column / shape.channels);
        out[n] = from < 0 ? 0.0F : x[from + column % shape.channels];
        return 0;
    }
};

struct PatchesGrad {
    PatchShape shape;
    const float* dout;
    float* dx;
    ASSAY_HD uint32_t operator()(int64_t n) const {
        OneFault fault;
        dx[n] = tap_sum(dout, patch_taps(shape, n / shape.channels), n % shape.channels, fault);
        return fault.top();
    }
};

}  // namespace assay::compute::gpu
