// Int8 products by cuBLASLt on tensor cores. The library is opened when first used, so a program
// built with CUDA runs where it is missing, without the backend. Ownership: owns its handle and
// workspace. Threads: one. Errors: an empty string, or what failed.
#pragma once

#include <cublasLt.h>
#include <cuda_runtime_api.h>

#include <map>
#include <string>
#include <tuple>

#include "compute/cuda/products.h"

namespace assay::compute::gpu {

class CublasProducts {
public:
    CublasProducts() = default;
    ~CublasProducts();
    CublasProducts(const CublasProducts&) = delete;
    CublasProducts& operator=(const CublasProducts&) = delete;

    std::string open();
    std::string run(const Int8Products& product, cudaStream_t stream);

private:
    struct Functions {
        decltype(&cublasLtCreate) create;
        decltype(&cublasLtDestroy) destroy;
        decltype(&cublasLtMatmul) matmul;
        decltype(&cublasLtMatmulDescCreate) desc_create;
        decltype(&cublasLtMatmulDescDestroy) desc_destroy;
        decltype(&cublasLtMatmulDescSetAttribute) desc_set;
        decltype(&cublasLtMatrixLayoutCreate) layout_create;
        decltype(&cublasLtMatrixLayoutDestroy) layout_destroy;
        decltype(&cublasLtMatrixLayoutSetAttribute) layout_set;
        decltype(&cublasLtMatmulPreferenceCreate) preference_create;
        decltype(&cublasLtMatmulPreferenceDestroy) preference_destroy;
        decltype(&cublasLtMatmulPreferenceSetAttribute) preference_set;
        decltype(&cublasLtMatmulAlgoGetHeuristic) heuristic;
    };
    // What an algorithm is chosen by: rows, columns, depth, stride, batch.
    using Shape = std::tuple<int64_t, int64_t, int64_t, int64_t, int64_t>;

    std::string choose(const Shape& shape, cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                       cublasLtMatrixLayout_t c, cublasLtMatmulAlgo_t& algorithm);
    cublasLtMatrixLayout_t layout(cudaDataType_t type, int64_t rows, int64_t cols, int64_t stride,
                                  int64_t batch, int64_t member);

    void* library_ = nullptr;
    Functions lt_{};
    cublasLtHandle_t handle_ = nullptr;
    cublasLtMatmulDesc_t desc_ = nullptr;
    cublasLtMatmulPreference_t preference_ = nullptr;
    void* workspace_ = nullptr;
    std::map<Shape, cublasLtMatmulAlgo_t> chosen_;
};

}  // namespace assay::compute::gpu
