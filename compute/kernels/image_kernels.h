// Patches of images and back, one element at a time, for host and device. Internal to the backends.
// Threads: pure. Errors: a fault of an element is noted in `fault` (reduce_kernels.h).
#pragma once

#include "compute/arithmetic/scalar.h"
#include "compute/kernels/backend.h"

namespace assay::compute {

// The places of one pixel in the patches, in elements of the patches' matrix, channel 0.
struct PatchTaps {
    int64_t at[kMaxPatchTaps];
    int count = 0;
};

ASSAY_HD PatchTaps patch_taps(const PatchShape& s, int64_t pixel) {
    PatchTaps taps;
    const int64_t x = pixel % s.width + s.pad, y = pixel / s.width % s.height + s.pad;
    const int64_t rows = s.out_height(), cols = s.out_width();
    const int64_t image = pixel / s.width / s.height * rows;
    const int64_t first_y = y - (rows - 1) * s.stride, first_x = x - (cols - 1) * s.stride;
    for (int64_t ky = first_y > 0 ? first_y : 0; ky < s.kernel_height && ky <= y; ++ky) {
        if ((y - ky) % s.stride != 0) continue;
        for (int64_t kx = first_x > 0 ? first_x : 0; kx < s.kernel_width && kx <= x; ++kx) {
            if ((x - kx) % s.stride != 0) continue;
            const int64_t row = (image + (y - ky) / s.stride) * cols + (x - kx) / s.stride;
            taps.at[taps.count++] =
                ((row * s.kernel_height + ky) * s.kernel_width + kx) * s.channels;
        }
    }
    return taps;
}

// The pixel (element of channel 0) behind place `cell` (ky * kernel_width + kx) of patch `row`; -1
// outside of the image.
ASSAY_HD int64_t patch_source(const PatchShape& s, int64_t row, int64_t cell) {
    const int64_t y =
        row / s.out_width() % s.out_height() * s.stride + cell / s.kernel_width - s.pad;
    const int64_t x = row % s.out_width() * s.stride + cell % s.kernel_width - s.pad;
    if (y < 0 || y >= s.height || x < 0 || x >= s.width) return -1;
    return ((row / s.out_width() / s.out_height() * s.height + y) * s.width + x) * s.channels;
}

// Exact sum of the taps of one channel: on a device, where the channels are threads.
template <class Fault>
ASSAY_HD float tap_sum(const float* patches, const PatchTaps& taps, int64_t channel, Fault& fault) {
    uint32_t top = 0;
    for (int i = 0; i < taps.count; ++i) {
        const uint32_t bits = abs_bits(patches[taps.at[i] + channel]);
        top = bits > top ? bits : top;
    }
    fault.note(top);
    const SumScale scale = sum_scale(top);
    if (scale.up == 0.0F) return 0.0F;
    int64_t sum = 0;
    for (int i = 0; i < taps.count; ++i) sum += rne(patches[taps.at[i] + channel] * scale.up);
    const float result = sum_result(sum, scale);
    fault.finite(result);
    return result;
}

}  // namespace assay::compute
