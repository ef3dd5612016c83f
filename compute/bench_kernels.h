// Every operation of Backend on shapes of GPT-2: its rate on each backend, and whether the bits are
// those of `portable`.
//
// Threads: as the Backend. Errors: those of make_backend. Times vary; the results that are timed do
// not.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "compute/bench.h"

namespace assay::compute {

struct KernelRate {
    std::string backend;
    uint64_t per_second = 0;  // bytes or multiply-accumulates; 0: a fault or failure
    bool equal = false;       // to the bits of `portable`
};
struct KernelBench {
    std::string kernel;
    // Counted in multiply-accumulates, attention's above the diagonal among them; else in bytes
    // read and written.
    bool products = false;
    std::vector<KernelRate> rates;
};

// The best of as many runs as fit the budget, at least one, after one that is compared. Buffers lie
// where the backend computes.
Result<std::vector<KernelBench>> bench_kernels(const BenchOptions& options);
bool all_equal(const std::vector<KernelBench>& kernels);
// As a table; a rate whose bits differ is marked.
std::string kernels_text(const std::vector<KernelBench>& kernels);

}  // namespace assay::compute
