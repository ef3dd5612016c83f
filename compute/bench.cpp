#include "compute/bench.h"

#include <dlfcn.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

#include "compute/arithmetic/philox.h"
#include "compute/checkpoint/artifact.h"
#include "compute/train/measure.h"

namespace assay::compute {
namespace {

// Fixed width, two decimals, whatever the stream's locale.
std::string giga(uint64_t macs_per_second) {
    char text[32];
    std::snprintf(text, sizeof text, "%10.2f", static_cast<double>(macs_per_second) / 1e9);
    return text;
}

std::string padded(std::string_view text, size_t width) {
    std::string out(text);
    if (out.size() < width) out.resize(width, ' ');
    return out;
}

// multiply(a, b, c), all kBenchSize^2: the best of as many runs as fit the budget.
template <typename Multiply>
uint64_t product_mmacs(uint64_t budget_ms, Multiply multiply) {
    using Clock = std::chrono::steady_clock;
    const auto elapsed_ns = [](Clock::time_point since) {
        const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - since);
        return static_cast<uint64_t>(std::max<int64_t>(ns.count(), 1));
    };
    constexpr auto kElements = static_cast<size_t>(kBenchSize * kBenchSize);
    std::vector<float> a(kElements), b(kElements), c(kElements);
    normalish(a, 1.0, 1, 0);
    normalish(b, 1.0, 1, 1);
    uint64_t best = UINT64_MAX;
    const auto start = Clock::now();
    do {
        const auto run = Clock::now();
        multiply(a.data(), b.data(), c.data());
        best = std::min(best, elapsed_ns(run));
    } while (elapsed_ns(start) < budget_ms * 1'000'000);
    constexpr auto kMacs = static_cast<uint64_t>(kBenchSize * kBenchSize * kBenchSize);
    return kMacs * 1000 / best;
}

}  // namespace

uint64_t measure_gemm_mmacs(Backend& backend, uint64_t budget_ms, int slices) {
    return product_mmacs(budget_ms, [&](const float* a, const float* b, float* c) {
        backend.gemm(matrix(a, kBenchSize, kBenchSize), matrix(b, kBenchSize, kBenchSize), nullptr,
                     c, kBenchSize, slices);
    });
}

uint64_t measure_openblas_mmacs(int threads, uint64_t budget_ms) {
    // cblas_sgemm: order, transpositions, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc.
    using Sgemm = void (*)(int, int, int, int, int, int, float, const float*, int, const float*,
                           int, float, float*, int);
    constexpr int kRowMajor = 101, kAsIs = 111, kSize = static_cast<int>(kBenchSize);
    // Its threads run on when it is closed, so it stays open.
    void* const library = ::dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) return 0;
    const auto sgemm = reinterpret_cast<Sgemm>(::dlsym(library, "cblas_sgemm"));
    const auto set_threads =
        reinterpret_cast<void (*)(int)>(::dlsym(library, "openblas_set_num_threads"));
    if (sgemm == nullptr || set_threads == nullptr) return 0;
    set_threads(threads);
    return product_mmacs(budget_ms, [&](const float* a, const float* b, float* c) {
        sgemm(kRowMajor, kAsIs, kAsIs, kSize, kSize, kSize, 1.0F, a, kSize, b, kSize, 0.0F, c,
              kSize);
    });
}

uint64_t measure_root_bytes() {
    using Clock = std::chrono::steady_clock;
    const Bytes state(size_t{256} << 20, 0x5A);
    double best = 1e9;
    for (int i = 0; i < 3; ++i) {
        const auto start = Clock::now();
        const Hash256 root = manifest_of(state).root();
        best = std::min(best, std::chrono::duration<double>(Clock::now() - start).count());
        if (root == Hash256{}) return 0;  // so that it is computed
    }
    return static_cast<uint64_t>(static_cast<double>(state.size()) / best);
}

Result<BenchReport> bench_compute(const BenchOptions& options) {
    BenchReport report;
    const auto names =
        options.backend.empty() ? available_backends() : std::vector<std::string>{options.backend};
    for (const std::string& name : names) {
        ASSAY_ASSIGN(const auto backend, make_backend({name, options.threads}));
        BackendBench& found = report.backends.emplace_back();
        found.name = name;
        found.threads = backend->threads();
        for (const int slices : {1, 2, 3})
            found.gemm_mmacs[static_cast<size_t>(slices - 1)] =
                measure_gemm_mmacs(*backend, options.budget_ms, slices);
        found.openblas_mmacs = measure_openblas_mmacs(found.threads, options.budget_ms);
        ASSAY_ASSIGN(const Measurement measured, measure(*backend, {}));
        found.step_macs = measured.shapes[1].macs_per_second;
        found.step_ns = measured.shapes[1].median_ns();
    }
    report.root_bytes = measure_root_bytes();
    return report;
}

std::string bench_text(const BenchReport& report) {
    std::string out =
        "G MAC/s              s = 1     s = 2     s = 3  OpenBLAS     ratio  GPT step   ms/step\n";
    char text[96];
    bool peer = true;
    for (const BackendBench& each : report.backends) {
        out += padded(each.name + ", " + std::to_string(each.threads) + " threads", 16);
        for (const uint64_t mmacs : each.gemm_mmacs) out += giga(mmacs * 1'000'000);
        peer = peer && each.openblas_mmacs != 0;
        if (each.openblas_mmacs != 0) {
            std::snprintf(
                text, sizeof text, "%10.2f",
                static_cast<double>(each.gemm_mmacs[1]) / static_cast<double>(each.openblas_mmacs));
            out += giga(each.openblas_mmacs * 1'000'000) + text;
        } else {
            out += "         -         -";
        }
        std::snprintf(text, sizeof text, "%10.2f\n", static_cast<double>(each.step_ns) / 1e6);
        out += giga(each.step_macs) + text;
    }
    out += peer ? "ratio: two slices to OpenBLAS sgemm on as many threads, above 1 we are faster; "
                : "no libopenblas.so.0 here, so no ratio (apt-get install libopenblas0); ";
    out += "PyTorch: tools/bench_peers\n";
    std::snprintf(text, sizeof text,
                  "state root (SHA-256 of 1 MiB chunks, all threads) %.2f GB/s\n",
                  static_cast<double>(report.root_bytes) / 1e9);
    return out + text;
}

}  // namespace assay::compute
