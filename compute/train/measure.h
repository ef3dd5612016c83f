// Measured rates: what a provider's capability score is made of.
//
// The work is fixed and its result is checkable (the loss bits are returned); only the time varies.
// The clock is a parameter. Threads: as the Backend. Errors: those of a training step.
#pragma once

#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "compute/kernels/backend.h"
#include "compute/models/config.h"

namespace assay::compute {

using NanosecondClock = std::function<uint64_t()>;
NanosecondClock steady_clock_ns();

// A training step that is timed for the score. The score is the rate on a mix of work: `share`
// percent of its multiply-accumulates are of this shape.
struct ReferenceShape {
    std::string_view name;
    ModelConfig model;
    uint32_t batch = 0;
    uint32_t share = 0;
};
// A small GPT (4 layers of 128), a wider one (4 of 256) and an image classifier (784-512-10).
std::span<const ReferenceShape> reference_shapes();

struct MeasureOptions {
    uint32_t steps = 5;          // timed a shape, after one that is not
    uint64_t budget_ms = 8'000;  // a shape: stops early, after at least one timed step
    uint64_t seed = 1;           // of weights and data: a challenge sets it
    NanosecondClock clock;       // empty: steady_clock_ns()
};

struct ShapeRate {
    uint64_t step_macs = 0;         // of one step, counted from the program
    std::vector<uint64_t> step_ns;  // raw samples
    uint64_t macs_per_second = 0;   // from the median sample
    uint32_t last_loss_bits = 0;
    uint64_t median_ns() const;
};

struct Measurement {
    std::vector<ShapeRate> shapes;         // as reference_shapes()
    uint64_t macs_per_second = 0;          // on the mix: the score, in MACs a second
    uint64_t gemm_macs_per_second = 0;     // best of three, 512 x 512 x 512, two slices
    uint64_t memory_bytes_per_second = 0;  // reads and writes of one addition of long vectors
    // Percent of the mix's time spent in shape i: what each part contributes to the score.
    uint32_t time_share(size_t i) const;
};
Result<Measurement> measure(Backend& backend, const MeasureOptions& options);

}  // namespace assay::compute
