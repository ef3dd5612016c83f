// Tasks as a provider runs them: resuming, replicas, aggregation, divergence, real images.
#include "compute/train/task.h"

#include <array>
#include <optional>

#include "compute/checkpoint/checkpoint.h"
#include "compute/data/import.h"
#include "compute/models/model.h"
#include "tests/compute/train_test_support.h"

namespace assay::compute {
namespace {

using testing::backend;
using testing::file_bytes;
using testing::TemporaryFolder;

// Made-up samples of three classes: label l has its features 2l and 2l + 1 larger.
Bytes made_up_csv(size_t rows) {
    std::string text;
    uint32_t state = 7;
    for (size_t i = 0; i < rows; ++i) {
        const uint32_t label = static_cast<uint32_t>(i) % 3;
        for (uint32_t j = 0; j < 6; ++j) {
            state = state * 1664525u + 1013904223u;
            text += std::to_string(state >> 28) + (j / 2 == label ? ".5e0," : "e-1,");
        }
        text += std::to_string(label) + "\n";
    }
    return bytes_of(text);
}

struct Work {
    explicit Work(JobConfig config) : job(std::move(config)) {
        if (std::holds_alternative<GptConfig>(job.model)) {
            EXPECT_TRUE(write_file(folder / "data", testing::made_up_text(3000)).ok());
        } else {
            EXPECT_TRUE(write_file(folder / "csv", made_up_csv(90)).ok());
            EXPECT_TRUE(import_data(ImportKind::kCsv, {folder / "csv"}, folder / "data").ok());
        }
    }

    Status train(uint32_t round, uint32_t shard, const std::string& from, const std::string& to,
                 Backend& on, const std::atomic<bool>* stop = nullptr) {
        TaskInputs inputs;
        if (!from.empty()) inputs.checkpoint = folder / from;
        inputs.data = folder / "data";
        return run_train_task(job, round, shard, inputs, {folder / to, folder / (to + ".trace")},
                              {&on, {}, stop});
    }

    Status aggregate(uint32_t round, const std::string& from,
                     const std::vector<std::string>& shards, const std::string& to, Backend& on) {
        TaskInputs inputs;
        if (!from.empty()) inputs.checkpoint = folder / from;
        for (const std::string& shard : shards) inputs.shard_outputs.push_back(folder / shard);
        return run_aggregate_task(job, round, inputs, {folder / to, folder / (to + ".trace")},
                                  {&on, {}, nullptr});
    }

    // All rounds with aggregation; returns the last checkpoint's name.
    std::string run_all(Backend& on, const std::string& tag) {
        std::string from;
        for (uint32_t r = 0; r < job.plan.rounds; ++r) {
            std::vector<std::string> shards;
            for (uint32_t s = 0; s < job.plan.shards; ++s) {
                shards.push_back(tag + std::to_string(r) + "." + std::to_string(s));
                const Status status = train(r, s, from, shards.back(), on);
                EXPECT_TRUE(status.ok()) << status.error().message;
            }
            const std::string to = tag + std::to_string(r);
            const Status status = aggregate(r, from, shards, to, on);
            EXPECT_TRUE(status.ok()) << status.error().message;
            from = to;
        }
        return from;
    }

    TemporaryFolder folder;
    JobConfig job;
};

// A run cut into rounds of one step is the same run: resuming at every step boundary changes no
// bit.
void resume_everywhere(JobConfig config) {
    const uint32_t steps = 6;
    const auto on = backend("");
    std::optional<ModelState> whole;
    for (uint32_t local = 1; local <= steps; ++local) {
        if (steps % local != 0) continue;
        config.plan.local_steps = local;
        config.plan.rounds = steps / local;
        Work work(config);
        std::string from;
        for (uint32_t r = 0; r < config.plan.rounds; ++r) {
            const std::string to = "r" + std::to_string(r);
            ASSERT_TRUE(work.train(r, 0, from, to, *on).ok());
            from = to;
        }
        const auto last = load_checkpoint(work.folder / from, config.model);
        ASSERT_TRUE(last.ok());
        if (!whole) whole = last->state;  // cut after every step
        EXPECT_EQ(whole->value, last->state.value) << local;
        EXPECT_EQ(whole->m, last->state.m) << local;
        EXPECT_EQ(whole->v, last->state.v) << local;
    }
}

TEST(Task, ResumingAGptAtAnyStepBoundaryChangesNothing) {
    resume_everywhere(testing::small_gpt_job());
}
TEST(Task, ResumingAnMlpAtAnyStepBoundaryChangesNothing) {
    resume_everywhere(testing::small_mlp_job());
}

TEST(Task, ReplicasGiveEqualFilesOnEveryBackendAndThreadCount) {
    for (JobConfig job : {testing::small_gpt_job(), testing::small_mlp_job()}) {
        job.plan.shards = 2;
        Bytes output, trace;
        Work work(job);
        for (const std::string& name : available_backends()) {
            for (const int threads : {1, 2, 3, 7}) {
                const auto on = backend(name, threads);
                const std::string last = work.run_all(*on, name + std::to_string(threads) + "-");
                const Bytes bytes = file_bytes(work.folder / last);
                const Bytes steps = file_bytes(work.folder / (last + ".1.trace"));
                if (output.empty()) {
                    output = bytes;
                    trace = steps;
                }
                EXPECT_TRUE(bytes == output) << name << " with " << threads;
                EXPECT_TRUE(steps == trace) << name << " with " << threads;
            }
        }
    }
}

TEST(Task, OneShardWithoutOuterStepIsPlainTraining) {
    Work work(testing::small_gpt_job());
    const auto on = backend("");
    ASSERT_TRUE(work.train(0, 0, "", "shard", *on).ok());
    ASSERT_TRUE(work.aggregate(0, "", {"shard"}, "next", *on).ok());
    EXPECT_EQ(file_bytes(work.folder / "next"), file_bytes(work.folder / "shard"));
}

TEST(Task, AggregateIsTheExactMeanOfDeltas) {
    JobConfig job = testing::small_mlp_job();
    job.plan.shards = 3;
    Work work(job);
    const auto on = backend("");
    const std::vector<std::string> shards = {"a", "b", "c"};
    for (uint32_t s = 0; s < 3; ++s) ASSERT_TRUE(work.train(0, s, "", shards[s], *on).ok());
    ASSERT_TRUE(work.aggregate(0, "", shards, "next", *on).ok());
    const auto start = initial_state(job.model, job.seed);
    const auto next = load_checkpoint(work.folder / "next", job.model);
    ASSERT_TRUE(next.ok());
    EXPECT_EQ(next->progress, (Progress{1, job.plan.local_steps}));
    std::vector<ModelState> out;
    for (const std::string& shard : shards)
        out.push_back(load_checkpoint(work.folder / shard, job.model)->state);
    for (size_t p = 0; p < start->value.size(); ++p) {
        for (size_t i = 0; i < start->value[p].size(); ++i) {
            const float base = start->value[p][i];
            std::array<float, 3> delta{};
            for (size_t s = 0; s < 3; ++s) delta[s] = out[s].value[p][i] - base;
            float sum = 0;
            on->sum(delta.data(), 3, &sum);
            EXPECT_EQ(next->state.value[p][i], base + sum / 3.0F);
        }
    }
}

TEST(Task, OuterStepFollowsItsTree) {
    JobConfig job = testing::small_mlp_job();
    job.plan.shards = 2;
    job.plan.outer_lr_nano = 700'000'000;
    job.plan.outer_momentum_nano = 900'000'000;
    Work work(job);
    const auto on = backend("");
    ModelState before = *initial_state(job.model, job.seed);
    std::string from;
    for (uint32_t r = 0; r < 2; ++r) {
        const std::string tag = std::to_string(r);
        ASSERT_TRUE(work.train(r, 0, from, "a" + tag, *on).ok());
        ASSERT_TRUE(work.train(r, 1, from, "b" + tag, *on).ok());
        ASSERT_TRUE(work.aggregate(r, from, {"a" + tag, "b" + tag}, "n" + tag, *on).ok());
        const auto a = load_checkpoint(work.folder / ("a" + tag), job.model);
        const auto b = load_checkpoint(work.folder / ("b" + tag), job.model);
        const auto next = load_checkpoint(work.folder / ("n" + tag), job.model);
        ASSERT_TRUE(a.ok() && b.ok() && next.ok());
        EXPECT_TRUE(a->state.outer.empty());
        ASSERT_EQ(next->state.outer.size(), before.value.size());
        for (size_t p = 0; p < before.value.size(); ++p) {
            for (size_t i = 0; i < before.value[p].size(); ++i) {
                const float p0 = before.value[p][i];
                const std::array<float, 2> delta = {a->state.value[p][i] - p0,
                                                    b->state.value[p][i] - p0};
                float mean = 0;
                on->sum(delta.data(), 2, &mean);
                mean = mean / 2.0F;
                const float old = before.outer.empty() ? 0.0F : before.outer[p][i];
                const float momentum = 0.9F * old + mean;
                EXPECT_EQ(next->state.outer[p][i], momentum);
                EXPECT_EQ(next->state.value[p][i], p0 + 0.7F * (mean + 0.9F * momentum));
            }
        }
        before = next->state;
        from = "n" + tag;
    }
}

TEST(Task, TraceHoldsEveryStepAndReportsMatchIt) {
    Work work(testing::small_gpt_job());
    const auto on = backend("");
    std::vector<StepReport> reports;
    TaskInputs inputs;
    inputs.data = work.folder / "data";
    ASSERT_TRUE(run_train_task(work.job, 0, 0, inputs, {work.folder / "o", work.folder / "t"},
                               {on.get(), [&](const StepReport& r) { reports.push_back(r); }, {}})
                    .ok());
    const auto trace = read_trace(work.folder / "t");
    ASSERT_TRUE(trace.ok());
    EXPECT_EQ(trace->first_step, 0u);
    ASSERT_EQ(trace->steps.size(), work.job.plan.local_steps);
    ASSERT_EQ(reports.size(), trace->steps.size());
    for (size_t i = 0; i < reports.size(); ++i) {
        EXPECT_EQ(reports[i].step, i);
        EXPECT_EQ(reports[i].loss, trace->steps[i].loss);
        EXPECT_EQ(reports[i].grad_norm, trace->steps[i].grad_norm);
    }
    // Loss of random weights: close to ln(128) = 4.852.
    EXPECT_GT(trace->steps[0].loss, 4.80F);
    EXPECT_LT(trace->steps[0].loss, 4.90F);
}

TEST(Task, DamagedTracesAreRefused) {
    const TemporaryFolder folder;
    Bytes bytes = bytes_of("ASSAYTR1");
    bytes.resize(24 + 8);
    EXPECT_TRUE(write_file(folder / "t", bytes).ok());
    EXPECT_EQ(read_trace(folder / "t").error().code, Code::kCorrupt);  // says 0 steps, holds 1
    bytes[16] = 1;
    EXPECT_TRUE(write_file(folder / "t", bytes).ok());
    EXPECT_EQ(read_trace(folder / "t")->steps.size(), 1u);
    bytes[16 + 7] = 0x20;  // count whose byte size wraps
    EXPECT_TRUE(write_file(folder / "t", bytes).ok());
    EXPECT_EQ(read_trace(folder / "t").error().code, Code::kCorrupt);
    bytes[0] = 'B';
    EXPECT_TRUE(write_file(folder / "t", bytes).ok());
    EXPECT_EQ(read_trace(folder / "t").error().code, Code::kCorrupt);
}

TEST(Task, DivergenceIsAFaultAtTheSameStepEverywhere) {
    JobConfig job = testing::small_gpt_job();
    job.plan.rounds = 1;
    job.plan.local_steps = 40;
    job.optimizer.lr_nano = job.optimizer.min_lr_nano = 1'000'000'000'000;
    job.optimizer.clip_nano = 0;
    job.optimizer.decay_nano = 1'000'000'000;
    job.optimizer.warmup_steps = 0;
    Work work(job);
    std::string message;
    for (const std::string& name : available_backends()) {
        const auto on = backend(name, 2);
        const Status status = work.train(0, 0, "", "out", *on);
        ASSERT_FALSE(status.ok());
        EXPECT_EQ(status.error().code, Code::kFault);
        EXPECT_EQ(status.error().message.rfind("training diverged at step ", 0), 0u);
        if (message.empty()) message = status.error().message;
        EXPECT_EQ(status.error().message, message) << name;
        EXPECT_FALSE(std::filesystem::exists(work.folder / "out"));
    }
}

TEST(Task, StopEndsBetweenSteps) {
    Work work(testing::small_gpt_job());
    const auto on = backend("");
    const std::atomic<bool> stop = true;
    EXPECT_EQ(work.train(0, 0, "", "out", *on, &stop).error().code, Code::kUnavailable);
    EXPECT_FALSE(std::filesystem::exists(work.folder / "out"));
}

TEST(Task, WrongInputsAreRefused) {
    JobConfig job = testing::small_gpt_job();
    job.plan.shards = 2;
    Work work(job);
    const auto on = backend("");
    EXPECT_EQ(work.train(9, 0, "", "o", *on).error().code, Code::kInvalidArgument);
    EXPECT_EQ(work.train(0, 2, "", "o", *on).error().code, Code::kInvalidArgument);
    EXPECT_EQ(work.train(1, 0, "", "o", *on).error().code, Code::kInvalidArgument);
    EXPECT_EQ(work.train(1, 0, "data", "o", *on).error().code, Code::kCorrupt);
    ASSERT_TRUE(work.train(0, 0, "", "a", *on).ok());
    ASSERT_TRUE(work.train(0, 1, "", "b", *on).ok());
    EXPECT_EQ(work.train(2, 0, "a", "o", *on).error().code, Code::kCorrupt);  // of round 1
    EXPECT_EQ(work.aggregate(0, "", {"a"}, "o", *on).error().code, Code::kInvalidArgument);
    EXPECT_EQ(work.aggregate(1, "a", {"a", "b"}, "o", *on).error().code, Code::kCorrupt);
    EXPECT_TRUE(work.aggregate(0, "", {"a", "b"}, "o", *on).ok());
}

TEST(Task, AggregationRefusesACheckpointWithoutItsOuterMomentum) {
    JobConfig job = testing::small_mlp_job();
    job.plan.shards = 2;
    Work work(job);
    const auto on = backend("");
    work.run_all(*on, "p");
    work.job.plan.outer_lr_nano = 700'000'000;
    work.job.plan.outer_momentum_nano = 900'000'000;
    EXPECT_EQ(work.aggregate(2, "p1", {"p2.0", "p2.1"}, "o", *on).error().code, Code::kCorrupt);
    EXPECT_TRUE(work.aggregate(0, "", {"p0.0", "p0.1"}, "outer", *on).ok());
    work.job = job;
    EXPECT_EQ(work.aggregate(1, "outer", {"p1.0", "p1.1"}, "o", *on).error().code, Code::kCorrupt);
}

TEST(Task, DataThatDoNotFitTheModelAreRefused) {
    Work gpt(testing::small_gpt_job());
    Work mlp(testing::small_mlp_job());
    const auto on = backend("");
    std::swap(gpt.job, mlp.job);
    EXPECT_EQ(gpt.train(0, 0, "", "o", *on).error().code, Code::kInvalidArgument);
    EXPECT_EQ(mlp.train(0, 0, "", "o", *on).error().code, Code::kInvalidArgument);
    std::swap(gpt.job, mlp.job);
    std::get<MlpConfig>(mlp.job.model).inputs = 5;
    EXPECT_EQ(mlp.train(0, 0, "", "o", *on).error().code, Code::kInvalidArgument);
    std::get<GptConfig>(gpt.job.model).context = 3000;
    EXPECT_EQ(gpt.train(0, 0, "", "o", *on).error().code, Code::kInvalidArgument);
}

}  // namespace
}  // namespace assay::compute
