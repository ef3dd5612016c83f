#include "compute/kernels/product_check.h"

#include <cstring>

#include "compute/arithmetic/philox.h"
#include "compute/kernels/cpu_backend.h"

namespace assay::compute {
namespace {

constexpr int64_t kRows = 29, kCols = 41, kDepth = 1100;

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
    return std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

}  // namespace

bool products_agree(Backend& tried) {
    std::vector<float> a(kRows * kDepth), b(kDepth * kCols);
    normalish(a, 1.0, 1, 0);
    normalish(b, 1.0, 1, 1);
    CpuBackend reference("portable", portable_kernels(), 1);
    const MatrixView left = matrix(a.data(), kRows, kDepth);
    const MatrixView right = matrix(b.data(), kDepth, kCols);
    for (const int slices : {1, 2, 3}) {
        std::vector<float> expected(kRows * kCols), found(kRows * kCols);
        reference.gemm(left, right, b.data(), expected.data(), kCols, slices);
        tried.gemm(left, right, b.data(), found.data(), kCols, slices);
        if (tried.faulted() || !same_bits(expected, found)) return false;
        reference.gemm_folded(left, right, expected.data(), kCols, slices);
        tried.gemm_folded(left, right, found.data(), kCols, slices);
        if (tried.faulted() || !same_bits(expected, found)) return false;
    }
    return true;
}

}  // namespace assay::compute
