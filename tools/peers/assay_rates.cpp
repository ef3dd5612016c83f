// Rates of this project's backends for tools/bench_peers, on the public interface of compute/.
//   assay_rates product BACKEND THREADS MILLISECONDS [SIZE]   G MAC/s of a SIZE^3 product, s = 2
//   assay_rates hash BACKEND THREADS RUNS MEGABYTES           GB/s of the leaf hashes of a state
//   assay_rates step BACKEND THREADS RUNS VOCAB CONTEXT WIDTH LAYERS HEADS BATCH [DEVICES]
//                                                             ms per step, peak MB
//   assay_rates backends                                      those of this processor, best first
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "compute/arithmetic/philox.h"
#include "compute/bench.h"
#include "compute/checkpoint/artifact.h"
#include "compute/models/model.h"
#include "compute/models/state.h"
#include "compute/program/split_executor.h"
#include "tools/peers/clock.h"

namespace {

using namespace assay::compute;

// A matrix where the backend computes.
class Square {
public:
    Square(Backend& backend, int64_t size, uint32_t id)
        : host_(static_cast<size_t>(size * size)), size_(size) {
        normalish(host_, 1.0, 1, id);
        if (backend.in_host_memory()) return;
        device_ = static_cast<float*>(backend.allocate(host_.size() * sizeof(float)));
        backend.upload(device_, host_.data(), host_.size() * sizeof(float));
    }
    float* data() { return device_ != nullptr ? device_ : host_.data(); }
    MatrixView view() { return matrix(data(), size_, size_); }

private:
    std::vector<float> host_;
    float* device_ = nullptr;  // the backend releases it at its end
    const int64_t size_;
};

// Best of the runs that fit the time given.
double product_rate(Backend& backend, double budget, int64_t size) {
    Square a(backend, size, 0), b(backend, size, 1), c(backend, size, 2);
    double best = 1e9;
    const double start = peers_seconds();
    do {
        const double run = peers_seconds();
        backend.gemm(a.view(), b.view(), nullptr, c.data(), size, 2);
        if (backend.faulted()) std::abort();  // waits for a device
        best = std::min(best, peers_seconds() - run);
    } while (peers_seconds() - start < budget);
    return static_cast<double>(size) * static_cast<double>(size * size) / best;
}

// Best of the runs, over a state that lies where the backend computes.
double hash_rate(Backend& backend, int runs, size_t bytes) {
    std::vector<float> host(bytes / sizeof(float), 1.0F);
    const void* data = host.data();
    if (!backend.in_host_memory()) {
        void* const device = backend.allocate(bytes);  // the backend releases it at its end
        backend.upload(device, host.data(), bytes);
        data = device;
    }
    std::vector<assay::Hash256> leaves(Manifest::chunk_count(bytes));
    double best = 1e9;
    for (int i = 0; i < runs; ++i) {
        const double start = peers_seconds();
        backend.chunk_leaves({{data, bytes}}, kChunkBytes, leaves.data());
        if (backend.faulted() || !backend.failure().empty()) std::abort();
        best = std::min(best, peers_seconds() - start);
    }
    return static_cast<double>(bytes) / best;
}

double median_step_ms(Backend& backend, int runs, const GptConfig& model, uint32_t batch) {
    const auto build = [&](uint32_t sequences) {
        return build_program(model, sequences, 2, ProgramMode::kTrain);
    };
    ModelState state = initial_state(model, 1).value();
    const auto executor = SplitExecutor::create(batch, build, backend).value();
    const Program& program = executor->program();
    bind_state(*executor, state);
    std::vector<int32_t> tokens, targets, positions;
    for (uint32_t i = 0; i < batch * model.context; ++i) {
        tokens.push_back(static_cast<int32_t>(below(model.vocab, 1, 0, i)));
        targets.push_back(static_cast<int32_t>(below(model.vocab, 1, 1, i)));
        positions.push_back(static_cast<int32_t>(i % model.context));
    }
    executor->bind_rows(program.samples, static_cast<const int32_t*>(tokens.data()));
    executor->bind_rows(program.targets, static_cast<const int32_t*>(targets.data()));
    executor->bind_rows(program.positions, static_cast<const int32_t*>(positions.data()));
    std::vector<double> times;
    for (int i = 0; i <= runs; ++i) {
        const AdamWStep hyper{1e-3, 0.9, 0.95, 1e-8, 0.1, 1.0, static_cast<uint64_t>(i) + 1};
        const double start = peers_seconds();
        if (!executor->run(&hyper).ok()) std::abort();
        if (i > 0) times.push_back((peers_seconds() - start) * 1000);  // the first one warms up
    }
    std::sort(times.begin(), times.end());
    return times[times.size() / 2];
}

double peak_megabytes() {
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    return static_cast<double>(used.ru_maxrss) * 1.024e-3;
}

// GPUs have their own suite, and `portable` is a reference.
void print_backends() {
    for (const std::string& name : available_backends())
        if (name != "cuda" && name != "portable") std::printf("%s\n", name.c_str());
}

}  // namespace

int main(int argc, char** argv) {
    const auto number = [&](int i) { return static_cast<uint32_t>(std::atoi(argv[i])); };
    if (argc == 2 && std::string(argv[1]) == "backends") {
        print_backends();
        return 0;
    }
    if (argc < 5) return 2;
    const int devices = argc > 11 ? std::atoi(argv[11]) : 1;
    auto backend = make_backend({argv[2], std::atoi(argv[3]), devices});
    if (!backend.ok()) {
        std::fprintf(stderr, "%s\n", backend.error().message.c_str());
        return 3;
    }
    if (std::string(argv[1]) == "product") {
        const int64_t size = argc > 5 ? number(5) : kBenchSize;
        std::printf("%.2f\n", product_rate(*backend.value(), number(4) * 1e-3, size) * 1e-9);
        return 0;
    }
    if (std::string(argv[1]) == "hash") {
        if (argc < 6) return 2;
        const size_t bytes = size_t{number(5)} << 20;
        std::printf("%.2f\n", hash_rate(*backend.value(), std::atoi(argv[4]), bytes) * 1e-9);
        return 0;
    }
    if (argc < 11) return 2;
    const GptConfig model{number(5), number(6), number(7), number(8), number(9)};
    const double ms = median_step_ms(*backend.value(), std::atoi(argv[4]), model, number(10));
    std::printf("%.2f %.0f\n", ms, peak_megabytes());
}
