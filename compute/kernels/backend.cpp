#include "compute/kernels/backend.h"

#include <cstring>

#include "compute/arithmetic/philox.h"
#include "compute/cuda/cuda.h"
#include "compute/kernels/cpu_backend.h"

namespace assay::compute {
namespace {

// Whether products of every kind have the bits of the portable ones. Asked once before kernels are
// used that no test machine of ours could run.
bool products_agree(Backend& tried) {
    constexpr int64_t kRows = 29, kCols = 41, kDepth = 700;
    std::vector<float> a(kRows * kDepth), b(kDepth * kCols);
    normalish(a, 1.0, 1, 0);
    normalish(b, 1.0, 1, 1);
    CpuBackend reference("portable", portable_kernels(), 1);
    for (const int slices : {1, 2, 3}) {
        std::vector<float> expected(kRows * kCols), found(kRows * kCols);
        const MatrixView left = matrix(a.data(), kRows, kDepth);
        const MatrixView right = matrix(b.data(), kDepth, kCols);
        reference.gemm(left, right, b.data(), expected.data(), kCols, slices);
        tried.gemm(left, right, b.data(), found.data(), kCols, slices);
        if (tried.faulted() ||
            std::memcmp(expected.data(), found.data(), expected.size() * sizeof(float)) != 0)
            return false;
    }
    return true;
}

template <const KernelTable* (*kKernels)()>
const KernelTable* checked() {
    static const KernelTable* const kAgreed = [] {
        const KernelTable* kernels = kKernels();
        if (kernels == nullptr) return kernels;
        CpuBackend tried("tried", *kernels, 1);
        return products_agree(tried) ? kernels : nullptr;
    }();
    return kAgreed;
}

template <const KernelTable* (*kKernels)()>
Result<std::unique_ptr<Backend>> on_cpu(const char* name, int threads) {
    const KernelTable* kernels = kKernels();
    if (kernels == nullptr) return fail(Code::kUnsupported, "");
    return std::unique_ptr<Backend>(std::make_unique<CpuBackend>(name, *kernels, threads));
}

// Making one takes a while where there is no GPU, too: the answer is kept.
const Status& cuda_status() {
    static const Status kStatus = []() -> Status {
        ASSAY_ASSIGN(const auto tried, make_cuda_backend());
        if (products_agree(*tried)) return {};
        return fail(Code::kUnsupported,
                    "the GPU's products differ from the portable ones " + tried->failure());
    }();
    return kStatus;
}

Result<std::unique_ptr<Backend>> on_cuda(const char*, int) {
    if (!cuda_status().ok()) return cuda_status().error();
    return make_cuda_backend();
}

const KernelTable* plain_kernels() {
    return &portable_kernels();
}

struct Known {
    const char* name;
    bool (*available)();
    Result<std::unique_ptr<Backend>> (*make)(const char* name, int threads);
    const char* needs;
};
// Best first.
constexpr Known kKnown[] = {
    {"cuda", [] { return cuda_status().ok(); }, on_cuda, nullptr},
    {"amx", [] { return checked<amx_kernels>() != nullptr; }, on_cpu<checked<amx_kernels>>,
     "a processor with AMX int8 and a system that grants its state, whose products equal the "
     "portable ones"},
    {"avx512vnni", [] { return checked<avx512vnni_kernels>() != nullptr; },
     on_cpu<checked<avx512vnni_kernels>>,
     "a processor with AVX-512 F, BW, DQ, VL and VNNI whose products equal the portable ones"},
    {"avx2", [] { return avx2_kernels() != nullptr; }, on_cpu<avx2_kernels>,
     "a processor with AVX2"},
    {"portable", [] { return true; }, on_cpu<plain_kernels>, "nothing"},
};

const Known* known(std::string_view name) {
    for (const Known& each : kKnown)
        if (each.name == name) return &each;
    return nullptr;
}

}  // namespace

std::vector<std::string> available_backends() {
    std::vector<std::string> names;
    for (const Known& each : kKnown)
        if (each.available()) names.emplace_back(each.name);
    return names;
}

Result<std::unique_ptr<Backend>> make_backend(const BackendOptions& options) {
    const std::vector<std::string> available = available_backends();
    const std::string name = options.name.empty() ? available.front() : options.name;
    if (options.threads < 0 || options.threads > kMaxThreads)
        return fail(Code::kInvalidArgument, "threads is " + std::to_string(options.threads) +
                                                "; use 0 (all) to " + std::to_string(kMaxThreads));
    const Known* entry = known(name);
    if (entry != nullptr && entry->available()) return entry->make(entry->name, options.threads);
    std::string usable, why;
    for (const std::string& each : available) usable += (usable.empty() ? "" : ", ") + each;
    if (entry != nullptr && entry->needs != nullptr)
        why = " (it needs " + std::string(entry->needs) + ")";
    if (entry != nullptr && entry->needs == nullptr)
        why = " (" + cuda_status().error().message + ")";
    return fail(Code::kUnsupported, "backend \"" + name + "\" is not available on this machine" +
                                        why + "; use " + usable);
}

}  // namespace assay::compute
