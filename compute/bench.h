// Speed of this machine's backends: one large product each, and a training step.
//
// Threads: as the Backend. Errors: those of make_backend and of a training step. Times vary; the
// results that are timed do not.
#pragma once

#include <cstdint>
#include <iosfwd>

#include "base/result.h"
#include "compute/kernels/backend.h"

namespace assay::compute {

inline constexpr int64_t kBenchSize = 1024;  // rows, columns and contraction of the product

struct BenchOptions {
    int threads = 0;            // 0: all hardware threads
    uint64_t budget_ms = 1000;  // for each product; at least one is timed
};

// Millions of multiply-accumulates a second on a kBenchSize^3 product with two slices (or as
// given), the best of as many runs as fit the budget.
uint64_t measure_gemm_mmacs(Backend& backend, uint64_t budget_ms, int slices = 2);

// Bytes a second of the root over a state in memory, by all threads.
uint64_t measure_root_bytes();

// One table to `out`: for every backend, products at 1, 2 and 3 slices and the reference training
// step (compute/train/measure.h), in G MAC/s.
Status bench_compute(const BenchOptions& options, std::ostream& out);

}  // namespace assay::compute
