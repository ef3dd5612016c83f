// Measured rates for a provider's capability score and price: whole training steps of a reference
// GPT, and one large product.
//
// The work is fixed and its result is checkable (the loss bits are returned); only the time varies.
// The clock is a parameter. Threads: as the Backend. Errors: those of a training step.
#pragma once

#include <functional>
#include <vector>

#include "compute/kernels/backend.h"
#include "compute/models/config.h"

namespace assay::compute {

using NanosecondClock = std::function<uint64_t()>;
NanosecondClock steady_clock_ns();

struct MeasureOptions {
    uint32_t steps = 5;     // timed, after one that is not
    uint64_t seed = 1;      // of weights and data: a challenge sets it
    NanosecondClock clock;  // empty: steady_clock_ns()
};

struct Measurement {
    uint64_t step_macs = 0;             // of one step, counted from the program
    std::vector<uint64_t> step_ns;      // raw samples
    uint64_t step_macs_per_second = 0;  // from the median sample
    uint64_t gemm_macs_per_second = 0;  // best of three, 512 x 512 x 512, two slices
    uint64_t memory_bytes = 0;          // parameters, moments and working memory of the step
    uint32_t last_loss_bits = 0;
};

// Byte GPT: context 64, width 128, 4 layers, 4 heads, batch 8.
GptConfig reference_gpt();
inline constexpr uint32_t kReferenceBatch = 8;
Result<Measurement> measure(Backend& backend, const MeasureOptions& options);
// The step rate alone, in millions of MACs per second: the score that the market ranks by.
Result<uint64_t> measure_step_mmacs(Backend& backend);

}  // namespace assay::compute
