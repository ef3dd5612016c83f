// Speed of this machine's backends: one large product each, beside OpenBLAS where the machine has
// it, and a training step.
//
// Threads: as the Backend. Errors: those of make_backend and of a training step. Times vary; the
// results that are timed do not.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "compute/kernels/backend.h"

namespace assay::compute {

inline constexpr int64_t kBenchSize = 1024;  // rows, columns and contraction of the product

struct BenchOptions {
    std::string backend{};      // empty: every one of this machine
    int threads = 0;            // 0: all hardware threads
    uint64_t budget_ms = 1000;  // for each product; at least one is timed
};

// Millions of multiply-accumulates a second on a kBenchSize^3 product with two slices (or as
// given), the best of as many runs as fit the budget.
uint64_t measure_gemm_mmacs(Backend& backend, uint64_t budget_ms, int slices = 2);

// The same of OpenBLAS's single-precision product, which is opened when it is asked for; 0 where
// there is none.
uint64_t measure_openblas_mmacs(int threads, uint64_t budget_ms);

// Bytes a second of the root over a state in memory, by all threads.
uint64_t measure_root_bytes();

struct BackendBench {
    std::string name;
    int threads = 0;
    std::array<uint64_t, 3> gemm_mmacs{};  // at 1, 2 and 3 slices; 10^6 MACs a second
    uint64_t openblas_mmacs = 0;           // measured beside them; 0: not here
    uint64_t step_macs = 0;                // of the reference training step, a second
    uint64_t step_ns = 0;                  // one such step
};
struct BenchReport {
    std::vector<BackendBench> backends;
    uint64_t root_bytes = 0;  // measure_root_bytes
};
// For each backend: products, and the reference training step
// (compute/train/measure.h).
Result<BenchReport> bench_compute(const BenchOptions& options);
// As a table, in G MAC/s.
std::string bench_text(const BenchReport& report);

}  // namespace assay::compute
