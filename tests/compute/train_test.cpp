// Whole training runs against the independent reference, on every backend; sampling; measuring.
#include <array>
#include <cmath>

#include "compute/models/model.h"
#include "compute/self_test.h"
#include "compute/train/batch.h"
#include "compute/train/measure.h"
#include "compute/train/predict.h"
#include "compute/train/sample.h"
#include "compute/train/trainer.h"
#include "tests/compute/train_test_support.h"

namespace assay::compute {
namespace {

using testing::backend;
using testing::file_bytes;
using testing::TemporaryFolder;

TEST(Training, EqualsTheReferenceBitForBitOnEveryBackendAndThreadCount) {
    const Bytes text = file_bytes(ASSAY_SOURCE_DIR "/tests/vectors/training.json");
    const auto vectors = json::parse(text_of(text));
    ASSERT_TRUE(vectors.ok());
    for (const std::string& name : available_backends()) {
        for (const int threads : {1, 2, 3, 7}) {
            const auto on = backend(name, threads);
            VectorReport report;
            const Status status = check_training_vectors(*vectors, *on, report);
            ASSERT_TRUE(status.ok()) << status.error().message;
            // Per run: losses, and value, m and v of each parameter (2 + 12 layers + 2).
            EXPECT_EQ(report.cases, 3 * (1 + 3 * 16) + (1 + 3 * 28));
            EXPECT_EQ(report.failed, 0)
                << name << ", " << threads << " threads: " << report.first_failure;
        }
    }
}

TEST(Training, SelfTestNamesTheFirstWrongElement) {
    std::string text(text_of(file_bytes(ASSAY_SOURCE_DIR "/tests/vectors/training.json")));
    const size_t at = text.find("\"f32\":[1077201088");  // first loss of the first run
    ASSERT_NE(at, std::string::npos);
    text[at + 16] = '9';
    VectorReport report;
    ASSERT_TRUE(check_training_vectors(*json::parse(text), *backend(""), report).ok());
    EXPECT_EQ(report.failed, 1);
    EXPECT_NE(report.first_failure.find("run 0 losses"), std::string::npos);
}

TEST(Training, ShardsDrawFromTheirOwnPartAndRowsDiffer) {
    Bytes text(1000);
    for (size_t i = 0; i < text.size(); ++i) text[i] = static_cast<uint8_t>(i / 4);
    const Dataset data = Dataset::from_tokens(text);
    JobConfig job = testing::small_gpt_job();
    std::get<GptConfig>(job.model).vocab = 256;
    job.plan.shards = 4;
    for (uint32_t shard = 0; shard < 4; ++shard) {
        auto source = BatchSource::create(job, data, shard);
        ASSERT_TRUE(source.ok());
        for (uint64_t step = 0; step < 50; ++step) {
            ASSERT_TRUE(source->load(step).ok());
            for (size_t i = 0; i < source->tokens().size(); ++i) {
                EXPECT_GE(source->tokens()[i], static_cast<int32_t>(250 * shard / 4));
                EXPECT_LT(source->targets()[i], static_cast<int32_t>(250 * (shard + 1) / 4 + 1));
                EXPECT_EQ(source->positions()[i], static_cast<int32_t>(i % 8));
            }
        }
    }
}

TEST(Training, MlpInitialWeightsAreNormalishWithTheirFanIn) {
    const MlpConfig model{8, {4}, 2};
    const auto specs = parameter_specs(model);
    ASSERT_EQ(specs.size(), 4u);
    EXPECT_EQ(specs[0].name, "fc.0.w");
    EXPECT_EQ(specs[0].value, 0.5);  // sqrt(2 / 8)
    EXPECT_EQ(specs[3].name, "fc.1.b");
    const auto state = initial_state(model, 12345678901);
    EXPECT_EQ(state->value[1], std::vector<float>(4, 0.0F));
    EXPECT_NE(state->value[0][0], state->value[2][0]);
}

struct TrainedText {
    TemporaryFolder folder;
    TrainedText() {
        JobConfig job = testing::small_gpt_job();
        job.plan = {1, 1, 30, 4, 0, 0};
        EXPECT_TRUE(write_file(folder / "data", testing::made_up_text(3000)).ok());
        TaskInputs inputs;
        inputs.data = folder / "data";
        const auto on = backend("");
        EXPECT_TRUE(
            run_train_task(job, 0, 0, inputs, {folder / "c", folder / "t"}, {on.get(), {}, nullptr})
                .ok());
    }
};

TEST(Sampling, GivesEqualBytesOnEveryBackend) {
    const TrainedText trained;
    for (const uint64_t temperature : {uint64_t{0}, uint64_t{900'000'000}}) {
        Bytes first;
        for (const std::string& name : available_backends()) {
            const auto on = backend(name, 2);
            const auto text =
                sample_text(trained.folder / "c", view_of("abc"), {40, temperature, 5, 2}, *on);
            ASSERT_TRUE(text.ok());
            EXPECT_EQ(text->size(), 40u);
            if (first.empty()) first = *text;
            EXPECT_EQ(*text, first) << name;
        }
    }
}

TEST(Sampling, SeedChangesTheTextAndPromptIsChecked) {
    const TrainedText trained;
    const auto on = backend("");
    const auto one =
        sample_text(trained.folder / "c", view_of("a"), {40, 1'000'000'000, 1, 2}, *on);
    const auto two =
        sample_text(trained.folder / "c", view_of("a"), {40, 1'000'000'000, 2, 2}, *on);
    ASSERT_TRUE(one.ok() && two.ok());
    EXPECT_NE(*one, *two);
    EXPECT_EQ(sample_text(trained.folder / "c", view_of("\xFF"), {}, *on).error().code,
              Code::kInvalidArgument);
}

// Attention is causal to the last bit: what follows a position does not change its logits.
TEST(Sampling, LogitsDoNotDependOnLaterTokens) {
    const GptConfig model{17, 8, 16, 2, 2};
    const auto on = backend("");
    auto sampler = Sampler::create(model, *initial_state(model, 3), 2, *on);
    ASSERT_TRUE(sampler.ok());
    const std::vector<int32_t> all = {3, 1, 4, 1, 5, 9, 2, 6};
    std::vector<float> full;
    const auto last = (*sampler)->logits(all);
    ASSERT_TRUE(last.ok());
    full.assign(*last - 7 * 17, *last + 17);
    for (size_t n = 1; n <= all.size(); ++n) {
        const auto logits = (*sampler)->logits({all.begin(), all.begin() + static_cast<long>(n)});
        ASSERT_TRUE(logits.ok());
        for (size_t i = 0; i < 17; ++i) EXPECT_EQ((*logits)[i], full[(n - 1) * 17 + i]);
    }
}

TEST(Sampling, ChoiceFollowsTheWeights) {
    const std::vector<float> logits = {0.0F, 2.0F, 2.0F, -90.0F};
    EXPECT_EQ(choose_token(logits.data(), 4, {1, 0, 0, 2}, 0), 1u);  // lowest index of the best
    std::array<int, 4> count{};
    for (uint32_t i = 0; i < 4000; ++i)
        ++count[choose_token(logits.data(), 4, {1, 1'000'000'000, 7, 2}, i)];
    // p = e^-2 / (2 + e^-2) = 0.0634, 0.468, 0.468, 0
    EXPECT_GT(count[0], 194);
    EXPECT_LT(count[0], 314);
    EXPECT_GT(count[1], 1723);
    EXPECT_LT(count[1], 2023);
    EXPECT_EQ(count[3], 0);
}

// A clock that advances one second at each look.
MeasureOptions one_second_a_look(uint64_t& now) {
    MeasureOptions options;
    options.steps = 1;
    options.seed = 9;
    options.clock = [&now] { return now += 1'000'000'000; };
    return options;
}

TEST(Measure, ReportsTheWorkAndTheSameLossEverywhere) {
    uint64_t now = 0;
    std::vector<uint32_t> losses;
    for (const std::string& name : available_backends()) {
        const auto on = backend(name, 2);
        const auto result = measure(*on, one_second_a_look(now));
        ASSERT_TRUE(result.ok());
        ASSERT_EQ(result->shapes.size(), reference_shapes().size());
        std::vector<uint32_t> found;
        uint32_t shares = 0, times = 0;
        double seconds = 0;
        for (size_t i = 0; i < result->shapes.size(); ++i) {
            const ReferenceShape& shape = reference_shapes()[i];
            const ShapeRate& rate = result->shapes[i];
            EXPECT_EQ(rate.step_macs, step_macs(shape.model, shape.batch));
            EXPECT_EQ(rate.macs_per_second, rate.step_macs);
            found.push_back(rate.last_loss_bits);
            shares += shape.share;
            times += result->time_share(i);
            seconds += shape.share / 100.0 / static_cast<double>(rate.step_macs);
        }
        EXPECT_EQ(shares, 100u);
        EXPECT_TRUE(times >= 99 && times <= 101) << times;  // each is rounded
        EXPECT_LE(std::abs(static_cast<double>(result->macs_per_second) - 1 / seconds), 1.0);
        EXPECT_EQ(result->gemm_macs_per_second, 512u * 512 * 512);
        EXPECT_EQ(result->memory_bytes_per_second, uint64_t{3} * 4 << 24);
        if (losses.empty()) losses = found;
        EXPECT_EQ(found, losses) << name;
    }
}

TEST(Measure, PredictsAJobFromItsPlan) {
    uint64_t now = 0;
    JobConfig job;
    job.model = MlpConfig{4, {8}, 3};
    job.optimizer.lr_nano = 1'000'000;
    job.plan = {3, 2, 10, 4, 0, 0};
    const auto on = backend("", 1);
    const TemporaryFolder folder;
    const auto time = predict_job_time(job, *on, folder / "", one_second_a_look(now).clock);
    ASSERT_TRUE(time.ok()) << time.error().message;
    // Each look at the clock is a second: at the start, after each step, at the end.
    EXPECT_EQ(time->step_ns, 1'000'000'000u);
    EXPECT_EQ(time->task_ns, 11'000'000'000u);
    EXPECT_EQ(time->aggregate_ns, 1'000'000'000u);
    EXPECT_EQ(time->job_ns, 3 * (2 * 11 + 1) * 1'000'000'000ull);
}

}  // namespace
}  // namespace assay::compute
