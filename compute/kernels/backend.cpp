#include "compute/kernels/backend.h"

#include "compute/kernels/cpu_backend.h"

namespace assay::compute {
namespace {

const KernelTable* kernels_named(std::string_view name) {
    if (name == "avx2") return avx2_kernels();
    if (name == "portable") return &portable_kernels();
    return nullptr;
}

}  // namespace

std::vector<std::string> available_backends() {
    std::vector<std::string> names;
    for (const char* name : {"avx2", "portable"}) {
        if (kernels_named(name) != nullptr) names.emplace_back(name);
    }
    return names;
}

Result<std::unique_ptr<Backend>> make_backend(const BackendOptions& options) {
    const std::vector<std::string> available = available_backends();
    const std::string name = options.name.empty() ? available.front() : options.name;
    if (options.threads < 0 || options.threads > kMaxThreads)
        return fail(Code::kInvalidArgument, "threads is " + std::to_string(options.threads) +
                                                "; use 0 (all) to " + std::to_string(kMaxThreads));
    const KernelTable* kernels = kernels_named(name);
    if (kernels == nullptr) {
        std::string known;
        for (const std::string& each : available) known += (known.empty() ? "" : ", ") + each;
        return fail(Code::kUnsupported,
                    "backend \"" + name + "\" is not available on this machine; use " + known);
    }
    return std::unique_ptr<Backend>(std::make_unique<CpuBackend>(name, *kernels, options.threads));
}

}  // namespace assay::compute
