#include "compute/kernels/backend.h"

#include <algorithm>
#include <numeric>

#include "compute/cuda/cuda.h"
#include "compute/kernels/cpu_backend.h"
#include "compute/kernels/product_check.h"

namespace assay::compute {
namespace {

// What this machine makes of a table of kernels.
struct Candidate {
    const KernelTable* present;  // null: the build or the machine has not got it
    const KernelTable* usable;   // null, too, where its products differ from the portable ones
};

template <const KernelTable* (*kKernels)()>
const Candidate& checked() {
    static const Candidate kFound = [] {
        const KernelTable* kernels = kKernels();
        if (kernels == nullptr) return Candidate{};
        CpuBackend tried("tried", *kernels, 1);
        return Candidate{kernels, products_agree(tried) ? kernels : nullptr};
    }();
    return kFound;
}

// A table that is used as it is.
template <const KernelTable* (*kKernels)()>
const Candidate& unchecked() {
    static const Candidate kFound{kKernels(), kKernels()};
    return kFound;
}

template <const Candidate& (*kCandidate)()>
Result<std::unique_ptr<Backend>> on_cpu(const char* name, const BackendOptions& options) {
    const KernelTable* kernels = kCandidate().usable;
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
    std::string (*why_not)();
};

template <const Candidate& (*kCandidate)()>
bool usable() {
    return kCandidate().usable != nullptr;
}

constexpr char kNeedsAmx[] =
    "it needs a processor with AMX int8 and a system that grants its state";
constexpr char kNeedsAvx512[] = "it needs a processor with AVX-512 F, BW, DQ, VL and VNNI";
constexpr char kNeedsAvx2[] = "it needs a processor with AVX2";

template <const Candidate& (*kCandidate)(), const char* kNeeds>
std::string why_not() {
    return kCandidate().present == nullptr
               ? kNeeds
               : "it is present but its products differ from the portable ones";
}

template <const Candidate& (*kCandidate)(), const char* kNeeds>
constexpr Known cpu(const char* name) {
    return {name, usable<kCandidate>, on_cpu<kCandidate>, why_not<kCandidate, kNeeds>};
}

// Best first.
constexpr Known kKnown[] = {
    {"cuda", [] { return cuda_status().ok(); }, on_cuda,
     [] { return cuda_status().error().message; }},
    cpu<checked<amx_kernels>, kNeedsAmx>("amx"),
    cpu<checked<avx512vnni_kernels>, kNeedsAvx512>("avx512vnni"),
    cpu<unchecked<avx2_kernels>, kNeedsAvx2>("avx2"),
    {"portable", [] { return true; }, on_cpu<unchecked<plain_kernels>>,
     [] { return std::string(); }},
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
    if (entry != nullptr) why = " (" + entry->why_not() + ")";
    return fail(Code::kUnsupported, "backend \"" + name + "\" is not available on this machine" +
                                        why + "; use " + usable);
}

}  // namespace assay::compute
