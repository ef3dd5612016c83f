#include "compute/train/measure.h"

#include <algorithm>
#include <bit>
#include <chrono>

#include "compute/arithmetic/philox.h"
#include "compute/models/model.h"
#include "compute/models/state.h"
#include "compute/program/split_executor.h"

namespace assay::compute {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;
constexpr int kSlices = 2;

// Both fit binary64 closely enough for a measured figure.
uint64_t rate(uint64_t amount, uint64_t elapsed_ns) {
    const double seconds =
        static_cast<double>(std::max<uint64_t>(elapsed_ns, 1)) / double{kSecondNs};
    return static_cast<uint64_t>(static_cast<double>(amount) / seconds);
}

uint64_t best_of_three(const NanosecondClock& clock, const std::function<void()>& work) {
    uint64_t best = UINT64_MAX;
    for (int i = 0; i < 3; ++i) {
        const uint64_t start = clock();
        work();
        best = std::min(best, clock() - start);
    }
    return best;
}

uint64_t gemm_rate(Backend& backend, const NanosecondClock& clock, uint64_t seed) {
    constexpr int64_t kSize = 512;
    std::vector<float> a(kSize * kSize), b(kSize * kSize), c(kSize * kSize);
    normalish(a, 1.0, seed, 0);
    normalish(b, 1.0, seed, 1);
    return rate(uint64_t{kSize} * kSize * kSize, best_of_three(clock, [&] {
                    backend.gemm(matrix(a.data(), kSize, kSize), matrix(b.data(), kSize, kSize),
                                 nullptr, c.data(), kSize, kSlices);
                }));
}

// Far larger than any cache of a machine that trains.
uint64_t memory_rate(Backend& backend, const NanosecondClock& clock) {
    constexpr size_t kElements = size_t{16} << 20;
    std::vector<float> a(kElements, 1.0F), b(kElements, 2.0F), out(kElements);
    return rate(3 * kElements * sizeof(float), best_of_three(clock, [&] {
                    backend.add(a.data(), b.data(), int64_t{kElements}, out.data());
                }));
}

// Training steps of a model on made-up data: the time does not depend on the values.
class StepBench {
public:
    static Result<std::unique_ptr<StepBench>> create(Backend& backend, const ModelConfig& model,
                                                     uint32_t batch, uint64_t seed) {
        ASSAY_ASSIGN(ModelState state, initial_state(model, seed));
        std::unique_ptr<StepBench> bench(new StepBench(std::move(state)));
        const auto build = [&](uint32_t sequences) {
            return build_program(model, sequences, kSlices, ProgramMode::kTrain);
        };
        ASSAY_ASSIGN(bench->executor_, SplitExecutor::create(batch, build, backend));
        bind_state(*bench->executor_, bench->state_);
        bench->macs_ = step_macs(model, batch);
        bench->bind_data(model, batch, seed);
        return bench;
    }

    Result<uint32_t> step() {
        const AdamWStep hyper{1e-3, 0.9, 0.95, 1e-8, 0.1, 1.0, ++step_};
        ASSAY_RETURN_IF_ERROR(executor_->run(&hyper));
        return std::bit_cast<uint32_t>(*executor_->result(executor_->program().loss));
    }

    // One step that is not timed, then the samples.
    Result<ShapeRate> run(const MeasureOptions& options, const NanosecondClock& clock) {
        ShapeRate result;
        ASSAY_ASSIGN(result.last_loss_bits, step());
        result.step_macs = macs_;
        const uint64_t begin = clock();
        for (uint32_t i = 0; i < options.steps; ++i) {
            const uint64_t start = clock();
            if (i > 0 && start - begin > options.budget_ms * 1'000'000) break;
            ASSAY_ASSIGN(result.last_loss_bits, step());
            result.step_ns.push_back(clock() - start);
        }
        result.macs_per_second = rate(result.step_macs, result.median_ns());
        return result;
    }

private:
    explicit StepBench(ModelState state) : state_(std::move(state)) {}

    void bind_data(const ModelConfig& model, uint32_t batch, uint64_t seed) {
        const Program& program = executor_->program();
        const auto gpt = token_model(model);
        const uint32_t rows = !gpt ? batch : batch * gpt->context;
        const uint32_t classes = !gpt ? sample_model(model)->classes : gpt->vocab;
        for (uint32_t i = 0; i < rows; ++i)
            targets_.push_back(static_cast<int32_t>(below(classes, seed, 1, i)));
        executor_->bind_rows(program.targets, static_cast<const int32_t*>(targets_.data()));
        if (!gpt) {
            features_.resize(size_t{rows} * sample_model(model)->inputs);
            normalish(features_, 1.0, seed, 2);
            executor_->bind_rows(program.samples, features_.data());
            return;
        }
        for (uint32_t i = 0; i < rows; ++i) {
            tokens_.push_back(static_cast<int32_t>(below(gpt->vocab, seed, 0, i)));
            positions_.push_back(static_cast<int32_t>(i % gpt->context));
        }
        executor_->bind_rows(program.samples, static_cast<const int32_t*>(tokens_.data()));
        if (program.positions != kNoTensor)
            executor_->bind_rows(program.positions, static_cast<const int32_t*>(positions_.data()));
    }

    ModelState state_;
    std::vector<int32_t> tokens_, targets_, positions_;
    std::vector<float> features_;
    std::unique_ptr<SplitExecutor> executor_;
    uint64_t macs_ = 0;  // of a step, on all devices together
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

std::span<const ReferenceShape> reference_shapes() {
    static const ReferenceShape kShapes[] = {
        {"small-gpt", GptConfig{256, 64, 128, 4, 4}, 8, 45},
        {"wide-gpt", GptConfig{256, 128, 256, 4, 4}, 8, 45},
        {"image-mlp", MlpConfig{784, {512}, 10}, 64, 10},
    };
    return kShapes;
}

uint64_t ShapeRate::median_ns() const {
    std::vector<uint64_t> sorted = step_ns;
    std::sort(sorted.begin(), sorted.end());
    return sorted.empty() ? 0 : sorted[sorted.size() / 2];
}

uint32_t Measurement::time_share(size_t i) const {
    const auto time = [&](size_t k) {
        return static_cast<double>(reference_shapes()[k].share) /
               static_cast<double>(std::max<uint64_t>(shapes[k].macs_per_second, 1));
    };
    double all = 0;
    for (size_t k = 0; k < shapes.size(); ++k) all += time(k);
    return (static_cast<uint32_t>(200 * time(i) / all) + 1) / 2;
}

Result<Measurement> measure(Backend& backend, const MeasureOptions& options) {
    if (options.steps == 0)
        return fail(Code::kInvalidArgument, "measuring needs at least one step");
    const NanosecondClock clock = options.clock ? options.clock : steady_clock_ns();
    Measurement result;
    double seconds_per_mac = 0;
    for (const ReferenceShape& shape : reference_shapes()) {
        ASSAY_ASSIGN(const std::unique_ptr<StepBench> bench,
                     StepBench::create(backend, shape.model, shape.batch, options.seed));
        ASSAY_ASSIGN(ShapeRate measured, bench->run(options, clock));
        seconds_per_mac += static_cast<double>(shape.share) / 100 /
                           static_cast<double>(std::max<uint64_t>(measured.macs_per_second, 1));
        result.shapes.push_back(std::move(measured));
    }
    result.macs_per_second = static_cast<uint64_t>(1 / seconds_per_mac);
    result.gemm_macs_per_second = gemm_rate(backend, clock, options.seed);
    result.memory_bytes_per_second = memory_rate(backend, clock);
    return result;
}

}  // namespace assay::compute
