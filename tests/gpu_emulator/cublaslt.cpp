// What the project calls of cuBLASLt: int8 products with int32 sums, in the one form and with the
// conditions that its documentation gives for them ("IMMA kernels", regular data ordering): A
// transposed and B not, pointers, leading dimensions, rows of the result and depth in fours.
#include <cublasLt.h>

#include <algorithm>
#include <cstring>

#include "tests/gpu_emulator/emulator.h"

namespace assay::gpu_emulator {
namespace {

struct Layout {
    uint64_t rows, cols;
    int64_t stride, member = 0;
    int32_t batch = 1;
    cudaDataType type;
};
struct Description {
    cublasOperation_t left = CUBLAS_OP_N;
};
struct Preference {
    uint64_t workspace_bytes = 0;
    uint32_t alignment[4] = {256, 256, 256, 256};
};
static_assert(sizeof(Layout) <= sizeof(cublasLtMatmulAlgo_t));
constexpr int32_t kMostBatch = 65'535;       // as a grid's z
constexpr size_t kWorkspaceBytes = 1 << 20;  // what a product claims to need

template <class T, class Handle>
T& of(Handle handle) {
    return *reinterpret_cast<T*>(const_cast<void*>(reinterpret_cast<const void*>(handle)));
}
template <class T>
cublasStatus_t set(T& field, const void* from, size_t bytes) {
    if (bytes != sizeof field) return CUBLAS_STATUS_INVALID_VALUE;
    std::memcpy(&field, from, bytes);
    return CUBLAS_STATUS_SUCCESS;
}

bool supported(const Description& description, const Layout& a, const Layout& b, const Layout& c) {
    const auto fours = [](auto value) { return value % 4 == 0; };
    return description.left == CUBLAS_OP_T && a.type == CUDA_R_8I && b.type == CUDA_R_8I &&
           c.type == CUDA_R_32I && a.rows == b.rows && a.cols == c.rows && b.cols == c.cols &&
           a.batch == b.batch && b.batch == c.batch && fours(a.stride) && fours(b.stride) &&
           fours(c.stride) && a.member % 16 == 0 && b.member % 16 == 0 && c.member % 4 == 0 &&
           a.batch >= 1 && a.batch <= kMostBatch && fours(a.cols) && fours(a.rows) &&
           a.stride >= static_cast<int64_t>(a.rows) && b.stride >= static_cast<int64_t>(b.rows) &&
           c.stride >= static_cast<int64_t>(c.rows);
}

// The bytes of a batch, first to last.
size_t extent(const Layout& layout, size_t value) {
    const int64_t last = (layout.batch - 1) * layout.member +
                         (static_cast<int64_t>(layout.cols) - 1) * layout.stride +
                         static_cast<int64_t>(layout.rows);
    return static_cast<size_t>(last) * value;
}

struct Product {
    Layout a, b, c;
    uint64_t at_a, at_b, at_c, workspace;

    void run(GlobalMemory& memory, bool checked) const {
        const auto* left = reinterpret_cast<const int8_t*>(memory.at(at_a, extent(a, 1), 16));
        const auto* right = reinterpret_cast<const int8_t*>(memory.at(at_b, extent(b, 1), 16));
        auto* out = reinterpret_cast<int32_t*>(memory.at(at_c, extent(c, 4), 16));
        (void)memory.at(workspace, kWorkspaceBytes, 16);
        for (int64_t z = 0; z < a.batch; ++z) {
            const bool set = checked && columns_set(memory, z);
            for (int64_t j = 0; j < static_cast<int64_t>(c.cols); ++j) {
                int32_t* const column = out + z * c.member + j * c.stride;
                for (int64_t i = 0; i < static_cast<int64_t>(c.rows); ++i)
                    column[i] = dot(left + z * a.member + i * a.stride,
                                    right + z * b.member + j * b.stride, a.rows);
                if (checked)
                    memory.mark(at_c + static_cast<uint64_t>(z * c.member + j * c.stride) * 4,
                                c.rows * 4, set);
            }
        }
    }

private:
    static int32_t dot(const int8_t* x, const int8_t* y, uint64_t n) {
        constexpr uint64_t kSafe = 65'536;  // products that 32 bits hold in any case
        int64_t sum = 0;
        for (uint64_t first = 0; first < n; first += kSafe) {
            int32_t part = 0;
            for (uint64_t k = first; k < std::min(n, first + kSafe); ++k) part += x[k] * y[k];
            sum += part;
        }
        if (sum != static_cast<int32_t>(sum)) throw EmulatorError("an int32 sum overflowed");
        return static_cast<int32_t>(sum);
    }
    // Of what was never set, the product is not set either. After a fault the project's kernels
    // write nothing more, and its products go on.
    bool columns_set(GlobalMemory& memory, int64_t z) const {
        bool set = true;
        for (const auto& [layout, base] : {std::pair{a, at_a}, std::pair{b, at_b}})
            for (int64_t j = 0; j < static_cast<int64_t>(layout.cols); ++j)
                set = set && memory.is_set(base + static_cast<uint64_t>(z * layout.member +
                                                                        j * layout.stride),
                                           layout.rows);
        return set;
    }
};

}  // namespace
}  // namespace assay::gpu_emulator

using namespace assay::gpu_emulator;

extern "C" {

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
    if (machine().is_lost()) return CUBLAS_STATUS_EXECUTION_FAILED;
    *handle = reinterpret_cast<cublasLtHandle_t>(&current_device());
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtDestroy(cublasLtHandle_t) {
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* made, cublasComputeType_t compute,
                                        cudaDataType_t scale) {
    if (compute != CUBLAS_COMPUTE_32I || scale != CUDA_R_32I) return CUBLAS_STATUS_NOT_SUPPORTED;
    *made = reinterpret_cast<cublasLtMatmulDesc_t>(new Description);
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t made) {
    delete &of<Description>(made);
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t made,
                                              cublasLtMatmulDescAttributes_t attribute,
                                              const void* value, size_t bytes) {
    if (attribute != CUBLASLT_MATMUL_DESC_TRANSA) return CUBLAS_STATUS_NOT_SUPPORTED;
    return set(of<Description>(made).left, value, bytes);
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* made, cudaDataType type,
                                          uint64_t rows, uint64_t cols, int64_t stride) {
    if (machine().is_lost()) return CUBLAS_STATUS_EXECUTION_FAILED;
    *made = reinterpret_cast<cublasLtMatrixLayout_t>(new Layout{rows, cols, stride, 0, 1, type});
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutDestroy(const cublasLtMatrixLayout_t made) {
    delete &of<Layout>(made);
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t made,
                                                cublasLtMatrixLayoutAttribute_t attribute,
                                                const void* value, size_t bytes) {
    Layout& layout = of<Layout>(made);
    switch (attribute) {
        case CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT:
            return set(layout.batch, value, bytes);
        case CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET:
            return set(layout.member, value, bytes);
        default:
            return CUBLAS_STATUS_NOT_SUPPORTED;
    }
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* made) {
    *made = reinterpret_cast<cublasLtMatmulPreference_t>(new Preference);
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t made) {
    delete &of<Preference>(made);
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t made,
                                                    cublasLtMatmulPreferenceAttributes_t attribute,
                                                    const void* value, size_t bytes) {
    Preference& preference = of<Preference>(made);
    switch (attribute) {
        case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES:
            return set(preference.workspace_bytes, value, bytes);
        case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES:
            return set(preference.alignment[0], value, bytes);
        case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES:
            return set(preference.alignment[1], value, bytes);
        case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES:
            return set(preference.alignment[2], value, bytes);
        case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES:
            return set(preference.alignment[3], value, bytes);
        default:
            return CUBLAS_STATUS_NOT_SUPPORTED;
    }
}
cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t description,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t,
                                              cublasLtMatmulPreference_t preference, int wanted,
                                              cublasLtMatmulHeuristicResult_t* results,
                                              int* count) {
    if (machine().is_lost()) return CUBLAS_STATUS_EXECUTION_FAILED;
    const Preference& limits = of<Preference>(preference);
    *count = 0;
    for (const uint32_t alignment : limits.alignment)
        if (alignment > 16) return CUBLAS_STATUS_NOT_SUPPORTED;  // run() expects 16 and no more
    if (wanted < 1 || limits.workspace_bytes < kWorkspaceBytes ||
        !supported(of<Description>(description), of<Layout>(a), of<Layout>(b), of<Layout>(c)))
        return CUBLAS_STATUS_NOT_SUPPORTED;
    results[0] = {};
    results[0].workspaceSize = kWorkspaceBytes;
    std::memcpy(results[0].algo.data, &of<Layout>(c), sizeof(Layout));
    *count = 1;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t description,
                              const void* alpha, const void* a, cublasLtMatrixLayout_t layout_a,
                              const void* b, cublasLtMatrixLayout_t layout_b, const void* beta,
                              const void* c, cublasLtMatrixLayout_t layout_c, void* d,
                              cublasLtMatrixLayout_t layout_d, const cublasLtMatmulAlgo_t* algo,
                              void* workspace, size_t workspace_bytes, cudaStream_t stream) {
    if (machine().is_lost()) return CUBLAS_STATUS_EXECUTION_FAILED;
    const Layout &left = of<Layout>(layout_a), &right = of<Layout>(layout_b),
                 &out = of<Layout>(layout_d);
    Stream& where = of<Stream>(stream);
    if (!supported(of<Description>(description), left, right, out) || c != d ||
        layout_c != layout_d || algo == nullptr ||
        std::memcmp(algo->data, &out, sizeof(Layout)) != 0 ||
        *static_cast<const int32_t*>(alpha) != 1 || *static_cast<const int32_t*>(beta) != 0 ||
        workspace == nullptr || workspace_bytes < kWorkspaceBytes ||
        &where.device != &of<Device>(handle) || &where.device != &current_device())
        return CUBLAS_STATUS_INVALID_VALUE;
    const std::lock_guard hold(where.device.mutex);
    const Product product{left,
                          right,
                          out,
                          reinterpret_cast<uint64_t>(a),
                          reinterpret_cast<uint64_t>(b),
                          reinterpret_cast<uint64_t>(d),
                          reinterpret_cast<uint64_t>(workspace)};
    where.work.push_back(
        [product, &where] { product.run(where.device.memory(), where.device.checked()); });
    return CUBLAS_STATUS_SUCCESS;
}

}  // extern "C"
