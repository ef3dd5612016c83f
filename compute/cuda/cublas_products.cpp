#include "compute/cuda/cublas_products.h"

#include <dlfcn.h>

namespace assay::compute::gpu {
namespace {

constexpr size_t kWorkspaceBytes = size_t{64} << 20;

std::string problem(const char* what, cublasStatus_t status) {
    if (status == CUBLAS_STATUS_SUCCESS) return {};
    return std::string("cuBLASLt: ") + what + " failed with status " +
           std::to_string(static_cast<int>(status));
}

template <class Function>
bool find(void* library, const char* name, Function& function) {
    function = reinterpret_cast<Function>(::dlsym(library, name));
    return function != nullptr;
}

}  // namespace

CublasProducts::~CublasProducts() {
    if (workspace_ != nullptr && ::cudaFree(workspace_) != cudaSuccess)
        (void)::cudaGetLastError();  // not for the next launch
    if (preference_ != nullptr) lt_.preference_destroy(preference_);
    if (desc_ != nullptr) lt_.desc_destroy(desc_);
    if (handle_ != nullptr) lt_.destroy(handle_);
    if (library_ != nullptr) ::dlclose(library_);
}

std::string CublasProducts::open() {
    const std::string name = "libcublasLt.so." + std::to_string(CUBLAS_VER_MAJOR);
    for (const std::string& place : {name, std::string(ASSAY_CUDA_LIBRARIES) + "/" + name}) {
        // It stays loaded: threads that used it may end after the last backend.
        library_ = ::dlopen(place.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
        if (library_ != nullptr) break;
    }
    if (library_ == nullptr) return name + " cannot be opened";
    const bool complete =
        find(library_, "cublasLtCreate", lt_.create) &&
        find(library_, "cublasLtDestroy", lt_.destroy) &&
        find(library_, "cublasLtMatmul", lt_.matmul) &&
        find(library_, "cublasLtMatmulDescCreate", lt_.desc_create) &&
        find(library_, "cublasLtMatmulDescDestroy", lt_.desc_destroy) &&
        find(library_, "cublasLtMatmulDescSetAttribute", lt_.desc_set) &&
        find(library_, "cublasLtMatrixLayoutCreate", lt_.layout_create) &&
        find(library_, "cublasLtMatrixLayoutDestroy", lt_.layout_destroy) &&
        find(library_, "cublasLtMatrixLayoutSetAttribute", lt_.layout_set) &&
        find(library_, "cublasLtMatmulPreferenceCreate", lt_.preference_create) &&
        find(library_, "cublasLtMatmulPreferenceDestroy", lt_.preference_destroy) &&
        find(library_, "cublasLtMatmulPreferenceSetAttribute", lt_.preference_set) &&
        find(library_, "cublasLtMatmulAlgoGetHeuristic", lt_.heuristic);
    if (!complete) return name + " lacks a function";
    const cublasOperation_t transposed = CUBLAS_OP_T;
    auto status = lt_.create(&handle_);
    if (status == CUBLAS_STATUS_SUCCESS)
        status = lt_.desc_create(&desc_, CUBLAS_COMPUTE_32I, CUDA_R_32I);
    if (status == CUBLAS_STATUS_SUCCESS)
        status = lt_.desc_set(desc_, CUBLASLT_MATMUL_DESC_TRANSA, &transposed, sizeof transposed);
    if (status == CUBLAS_STATUS_SUCCESS) status = lt_.preference_create(&preference_);
    if (status == CUBLAS_STATUS_SUCCESS)
        status = lt_.preference_set(preference_, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                    &kWorkspaceBytes, sizeof kWorkspaceBytes);
    // Members of a batch and parts of a matrix start at multiples of a few values, not of 256
    // bytes, which the library would suppose.
    const uint32_t alignment = 16;
    for (const auto attribute :
         {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
          CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES}) {
        if (status == CUBLAS_STATUS_SUCCESS)
            status = lt_.preference_set(preference_, attribute, &alignment, sizeof alignment);
    }
    if (status != CUBLAS_STATUS_SUCCESS) return problem("setting up", status);
    if (::cudaMalloc(&workspace_, kWorkspaceBytes) != cudaSuccess) {
        (void)::cudaGetLastError();  // it is reported here, once
        return "the GPU is out of memory: " + std::to_string(kWorkspaceBytes) +
               " bytes are needed for the workspace of products";
    }
    return {};
}

// Column-major, as the library wants it: a row-major matrix is its transpose there.
cublasLtMatrixLayout_t CublasProducts::layout(cudaDataType_t type, int64_t rows, int64_t cols,
                                              int64_t stride, int64_t batch, int64_t member) {
    cublasLtMatrixLayout_t made = nullptr;
    if (lt_.layout_create(&made, type, static_cast<uint64_t>(rows), static_cast<uint64_t>(cols),
                          stride) != CUBLAS_STATUS_SUCCESS)
        return nullptr;
    const auto count = static_cast<int32_t>(batch);
    lt_.layout_set(made, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count, sizeof count);
    lt_.layout_set(made, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &member, sizeof member);
    return made;
}

std::string CublasProducts::choose(const Shape& shape, cublasLtMatrixLayout_t a,
                                   cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c,
                                   cublasLtMatmulAlgo_t& algorithm) {
    if (const auto found = chosen_.find(shape); found != chosen_.end()) {
        algorithm = found->second;
        return {};
    }
    cublasLtMatmulHeuristicResult_t result{};
    int count = 0;
    const auto status = lt_.heuristic(handle_, desc_, a, b, c, c, preference_, 1, &result, &count);
    if (status != CUBLAS_STATUS_SUCCESS || count == 0) {
        return "cuBLASLt has no int8 product of " + std::to_string(std::get<0>(shape)) + " x " +
               std::to_string(std::get<1>(shape)) + " x " + std::to_string(std::get<2>(shape)) +
               " (status " + std::to_string(static_cast<int>(status)) + ")";
    }
    algorithm = result.algo;
    chosen_.emplace(shape, algorithm);
    return {};
}

std::string CublasProducts::run(const Int8Products& p, cudaStream_t stream) {
    // c^T (columns x rows) = (b^T)^T * a^T, with b^T and a^T (depth x ...) as they lie in memory.
    const auto left = layout(CUDA_R_8I, p.depth, p.columns, p.stride, p.batch, p.b_member);
    const auto right = layout(CUDA_R_8I, p.depth, p.rows, p.stride, p.batch, p.a_member);
    const auto out = layout(CUDA_R_32I, p.columns, p.rows, p.columns, p.batch, p.columns * p.rows);
    std::string failure;
    if (left == nullptr || right == nullptr || out == nullptr) {
        failure = "cuBLASLt: a layout could not be made";
    } else {
        cublasLtMatmulAlgo_t algorithm{};
        failure =
            choose({p.rows, p.columns, p.depth, p.stride, p.batch}, left, right, out, algorithm);
        const int32_t one = 1, zero = 0;
        if (failure.empty())
            failure = problem("a product", lt_.matmul(handle_, desc_, &one, p.b, left, p.a, right,
                                                      &zero, p.c, out, p.c, out, &algorithm,
                                                      workspace_, kWorkspaceBytes, stream));
    }
    for (const auto each : {left, right, out})
        if (each != nullptr) lt_.layout_destroy(each);
    return failure;
}

}  // namespace assay::compute::gpu
