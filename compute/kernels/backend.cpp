#include "compute/kernels/backend.h"

#include <cstring>

#include "compute/arithmetic/philox.h"
#include "compute/kernels/cpu_backend.h"

namespace assay::compute {
namespace {

// Whether products of every kind have the bits of the portable ones. Asked once before kernels are
// used that no test machine of ours could run.
bool products_agree(const KernelTable& kernels) {
    constexpr int64_t kRows = 29, kCols = 41, kDepth = 700;
    std::vector<float> a(kRows * kDepth), b(kDepth * kCols);
    normalish(a, 1.0, 1, 0);
    normalish(b, 1.0, 1, 1);
    CpuBackend reference("portable", portable_kernels(), 1), tried("tried", kernels, 1);
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
    const KernelTable* kernels = kKernels();
    static const bool kAgree = kernels != nullptr && products_agree(*kernels);
    return kAgree ? kernels : nullptr;
}

struct Known {
    const char* name;
    const KernelTable* (*kernels)();
    const char* needs;
};
// Best first.
constexpr Known kKnown[] = {
    {"amx", checked<amx_kernels>,
     "a processor with AMX int8 and a system that grants its state, whose products equal the "
     "portable ones"},
    {"avx512vnni", checked<avx512vnni_kernels>,
     "a processor with AVX-512 F, BW, DQ, VL and VNNI whose products equal the portable ones"},
    {"avx2", avx2_kernels, "a processor with AVX2"},
    {"portable", [] { return &portable_kernels(); }, "nothing"},
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
        if (each.kernels() != nullptr) names.emplace_back(each.name);
    return names;
}

Result<std::unique_ptr<Backend>> make_backend(const BackendOptions& options) {
    const std::vector<std::string> available = available_backends();
    const std::string name = options.name.empty() ? available.front() : options.name;
    if (options.threads < 0 || options.threads > kMaxThreads)
        return fail(Code::kInvalidArgument, "threads is " + std::to_string(options.threads) +
                                                "; use 0 (all) to " + std::to_string(kMaxThreads));
    const Known* entry = known(name);
    const KernelTable* kernels = entry == nullptr ? nullptr : entry->kernels();
    if (kernels == nullptr) {
        std::string usable;
        for (const std::string& each : available) usable += (usable.empty() ? "" : ", ") + each;
        const std::string why =
            entry == nullptr ? "" : " (it needs " + std::string(entry->needs) + ")";
        return fail(
            Code::kUnsupported,
            "backend \"" + name + "\" is not available on this machine" + why + "; use " + usable);
    }
    return std::unique_ptr<Backend>(std::make_unique<CpuBackend>(name, *kernels, options.threads));
}

}  // namespace assay::compute
