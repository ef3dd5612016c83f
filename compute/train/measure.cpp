#include "compute/train/measure.h"

#include <algorithm>
#include <bit>
#include <chrono>

#include "compute/arithmetic/philox.h"
#include "compute/models/model.h"
#include "compute/models/state.h"
#include "compute/program/executor.h"

namespace assay::compute {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;
constexpr int kSlices = 2;

uint64_t rate(uint64_t macs, uint64_t elapsed_ns) {
    // Both fit binary64 closely enough for a measured figure.
    const double seconds =
        static_cast<double>(std::max<uint64_t>(elapsed_ns, 1)) / double{kSecondNs};
    return static_cast<uint64_t>(static_cast<double>(macs) / seconds);
}

uint64_t gemm_rate(Backend& backend, const NanosecondClock& clock, uint64_t seed) {
    constexpr int64_t kSize = 512;
    std::vector<float> a(kSize * kSize), b(kSize * kSize), c(kSize * kSize);
    normalish(a, 1.0, seed, 0);
    normalish(b, 1.0, seed, 1);
    uint64_t best = UINT64_MAX;
    for (int i = 0; i < 3; ++i) {
        const uint64_t start = clock();
        backend.gemm(matrix(a.data(), kSize, kSize), matrix(b.data(), kSize, kSize), nullptr,
                     c.data(), kSize, kSlices);
        best = std::min(best, clock() - start);
    }
    return rate(uint64_t{kSize} * kSize * kSize, best);
}

class StepBench {
public:
    static Result<std::unique_ptr<StepBench>> create(Backend& backend, uint64_t seed) {
        ASSAY_ASSIGN(Program program,
                     build_program(reference_gpt(), kReferenceBatch, kSlices, ProgramMode::kTrain));
        ASSAY_ASSIGN(ModelState state, initial_state(reference_gpt(), seed));
        std::unique_ptr<StepBench> bench(new StepBench(std::move(program), std::move(state)));
        ASSAY_ASSIGN(bench->executor_, Executor::create(bench->program_, backend));
        bench->bind(seed);
        return bench;
    }

    Result<uint32_t> step() {
        const AdamWStep hyper{1e-3, 0.9, 0.95, 1e-8, 0.1, 1.0, ++step_};
        ASSAY_RETURN_IF_ERROR(executor_->run(&hyper));
        return std::bit_cast<uint32_t>(*executor_->result(program_.loss));
    }
    uint64_t step_macs() const { return macs(program_); }
    uint64_t arena_bytes() const { return static_cast<uint64_t>(executor_->arena_bytes()); }

private:
    StepBench(Program program, ModelState state)
        : program_(std::move(program)), state_(std::move(state)) {}

    void bind(uint64_t seed) {
        for (size_t i = 0; i < program_.parameters.size(); ++i) {
            executor_->bind(program_.parameters[i].value, state_.value[i].data());
            executor_->bind(program_.parameters[i].m, state_.m[i].data());
            executor_->bind(program_.parameters[i].v, state_.v[i].data());
        }
        const GptConfig model = reference_gpt();
        const uint32_t rows = kReferenceBatch * model.context;
        for (uint32_t i = 0; i < rows; ++i) {
            tokens_.push_back(static_cast<int32_t>(below(model.vocab, seed, 0, i)));
            targets_.push_back(static_cast<int32_t>(below(model.vocab, seed, 1, i)));
            positions_.push_back(static_cast<int32_t>(i % model.context));
        }
        executor_->bind(program_.samples, static_cast<const int32_t*>(tokens_.data()));
        executor_->bind(program_.targets, static_cast<const int32_t*>(targets_.data()));
        executor_->bind(program_.positions, static_cast<const int32_t*>(positions_.data()));
    }

    const Program program_;
    ModelState state_;
    std::vector<int32_t> tokens_, targets_, positions_;
    std::unique_ptr<Executor> executor_;
    uint64_t step_ = 0;
};

}  // namespace

NanosecondClock steady_clock_ns() {
    return [] {
        const auto now = std::chrono::steady_clock::now().time_since_epoch();
        return static_cast<uint64_t>(
            std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
    };
}

GptConfig reference_gpt() {
    return {256, 64, 128, 4, 4};
}

Result<Measurement> measure(Backend& backend, const MeasureOptions& options) {
    if (options.steps == 0)
        return fail(Code::kInvalidArgument, "measuring needs at least one step");
    const NanosecondClock clock = options.clock ? options.clock : steady_clock_ns();
    ASSAY_ASSIGN(const std::unique_ptr<StepBench> bench, StepBench::create(backend, options.seed));
    ASSAY_RETURN_IF_ERROR([&]() -> Status {
        const auto warm = bench->step();
        return warm.ok() ? Status{} : Status{warm.error()};
    }());
    Measurement result;
    result.step_macs = bench->step_macs();
    for (uint32_t i = 0; i < options.steps; ++i) {
        const uint64_t start = clock();
        ASSAY_ASSIGN(result.last_loss_bits, bench->step());
        result.step_ns.push_back(clock() - start);
    }
    std::vector<uint64_t> sorted = result.step_ns;
    std::sort(sorted.begin(), sorted.end());
    result.step_macs_per_second = rate(result.step_macs, sorted[sorted.size() / 2]);
    result.gemm_macs_per_second = gemm_rate(backend, clock, options.seed);
    result.memory_bytes = checkpoint_bytes(reference_gpt()) + bench->arena_bytes();
    return result;
}

Result<uint64_t> measure_step_mmacs(Backend& backend) {
    ASSAY_ASSIGN(const Measurement result, measure(backend, {}));
    return result.step_macs_per_second / 1'000'000;
}

}  // namespace assay::compute
