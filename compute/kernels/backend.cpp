#include "compute/kernels/backend.h"

#include <algorithm>
#include <cstring>
#include <numeric>

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
Result<std::unique_ptr<Backend>> on_cpu(const char* name, const BackendOptions& options) {
    const KernelTable* kernels = kKernels();
    if (kernels == nullptr) return fail(Code::kUnsupported, "");
    if (options.devices > 1)
        return fail(Code::kUnsupported, "backend \"" + std::string(name) +
                                            "\" is one device, not " +
                                            std::to_string(options.devices));
    return std::unique_ptr<Backend>(std::make_unique<CpuBackend>(name, *kernels, options.threads));
}

Result<std::unique_ptr<Backend>> checked_cuda(std::vector<int> devices) {
    ASSAY_ASSIGN(auto made, make_cuda_backend(devices));
    const auto agrees = [](Backend& tried) -> Status {
        if (products_agree(tried)) return {};
        return fail(Code::kUnsupported,
                    "the GPU's products differ from the portable ones " + tried.failure());
    };
    ASSAY_RETURN_IF_ERROR(agrees(*made));
    for (const auto& peer : made->peers()) ASSAY_RETURN_IF_ERROR(agrees(*peer));
    return made;
}

// Making one takes a while where there is no GPU, too: the answer is kept.
const Status& cuda_status() {
    static const Status kStatus = []() -> Status {
        const auto tried = checked_cuda({0});
        return tried.ok() ? Status{} : Status(tried.error());
    }();
    return kStatus;
}

Result<std::unique_ptr<Backend>> on_cuda(const char*, const BackendOptions& options) {
    if (!cuda_status().ok()) return cuda_status().error();
    if (options.devices == 1) return make_cuda_backend({0});
    const int count =
        options.devices == 0 ? std::min(cuda_devices(), kMaxDevices) : options.devices;
    std::vector<int> devices(static_cast<size_t>(count));
    std::iota(devices.begin(), devices.end(), 0);
    return checked_cuda(std::move(devices));
}

const KernelTable* plain_kernels() {
    return &portable_kernels();
}

struct Known {
    const char* name;
    bool (*available)();
    Result<std::unique_ptr<Backend>> (*make)(const char* name, const BackendOptions& options);
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
    if (options.devices < 0 || options.devices > kMaxDevices)
        return fail(Code::kInvalidArgument, "devices is " + std::to_string(options.devices) +
                                                "; use 0 (all) to " + std::to_string(kMaxDevices));
    const Known* entry = known(name);
    if (entry != nullptr && entry->available()) return entry->make(entry->name, options);
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
