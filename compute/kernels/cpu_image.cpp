// Patches of images on CpuBackend: a copy by rows, and its gradient by pixels.
#include <algorithm>
#include <vector>

#include "compute/kernels/cpu_backend.h"
#include "compute/kernels/image_kernels.h"

namespace assay::compute {
namespace {

constexpr int64_t kElements = 8192;  // a thread must have to be worth waking

}  // namespace

void CpuBackend::patches(const float* x, const PatchShape& shape, float* out) {
    const int64_t cells = shape.kernel_height * shape.kernel_width, c = shape.channels;
    pool_.run(shape.out_rows(), std::max<int64_t>(1, kElements / shape.out_cols()),
              [&](int, int64_t begin, int64_t end) {
                  for (int64_t row = begin; row < end; ++row) {
                      float* to = out + row * shape.out_cols();
                      for (int64_t cell = 0; cell < cells; ++cell, to += c) {
                          const int64_t from = patch_source(shape, row, cell);
                          if (from < 0) {
                              std::fill_n(to, c, 0.0F);
                          } else {
                              std::copy_n(x + from, c, to);
                          }
                      }
                  }
              });
}

void CpuBackend::patches_grad(const float* dout, const PatchShape& shape, float* dx) {
    const int64_t c = shape.channels;
    pool_.run(shape.pixels(), std::max<int64_t>(1, kElements / (kMaxPatchTaps * c)),
              [&](int, int64_t begin, int64_t end) {
                  // A pixel's taps, gathered: its gradient is their column sums.
                  std::vector<float> rows(static_cast<size_t>(kMaxPatchTaps * c));
                  for (int64_t pixel = begin; pixel < end; ++pixel) {
                      const PatchTaps taps = patch_taps(shape, pixel);
                      for (int64_t i = 0; i < taps.count; ++i)
                          std::copy_n(dout + taps.at[i], c, rows.data() + i * c);
                      note(kernels_.column_sums(rows.data(), nullptr, taps.count, c, 0, c,
                                                dx + pixel * c));
                  }
              });
}

}  // namespace assay::compute
