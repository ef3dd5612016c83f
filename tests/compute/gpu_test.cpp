// Whole training steps on the GPU backend's own memory, in plain loops: the same bits as on the
// host, and what happens when the device runs out of memory or fails.
#include "compute/data/dataset.h"
#include "compute/models/model.h"
#include "compute/program/memory_plan.h"
#include "compute/program/offload.h"
#include "compute/program/recompute.h"
#include "compute/program/scratch.h"
#include "compute/train/evaluate.h"
#include "compute/train/trainer.h"
#include "tests/compute/plain_gpu.h"
#include "tests/compute/train_test_support.h"

namespace assay::compute {
namespace {

JobConfig small_gpt(uint32_t steps) {
    JobConfig job;
    job.model = GptConfig{64, 12, 16, 2, 2};
    job.optimizer.lr_nano = 5'000'000;
    job.plan = {1, 1, steps, 3, 0, 0};
    job.seed = 5;
    return job;
}

Dataset text() {
    Bytes tokens;
    for (int i = 0; i < 900; ++i) tokens.push_back(static_cast<uint8_t>(i * i % 61));
    return Dataset::from_tokens(std::move(tokens));
}

struct Outcome {
    std::vector<float> losses, norms;
    ModelState state;
};

Outcome trained(const JobConfig& job, Backend& backend) {
    const Dataset data = text();
    auto trainer = Trainer::create(job, data, 0, backend, *initial_state(job.model, job.seed));
    EXPECT_TRUE(trainer.ok()) << trainer.error().message;
    Outcome run;
    for (uint64_t step = 0; step < job.plan.total_steps(); ++step) {
        const auto result = (*trainer)->step(step);
        EXPECT_TRUE(result.ok()) << result.error().message;
        run.losses.push_back(result->loss);
        run.norms.push_back(result->grad_norm);
        if (step % 4 == 3) {  // fetching changes nothing
            EXPECT_TRUE((*trainer)->state().ok());
        }
    }
    run.state = **(*trainer)->state();
    return run;
}

TEST(Gpu, TwentyStepsHaveTheBitsOfTheHost) {
    for (const uint32_t slices : {1u, 2u, 3u}) {
        JobConfig job = small_gpt(slices == 2 ? 20 : 4);
        job.slices = slices;
        const auto host = make_backend({"portable", 1});
        const Outcome expected = trained(job, **host);
        const Outcome found = trained(job, *make_plain_gpu());
        EXPECT_EQ(found.losses, expected.losses);
        EXPECT_EQ(found.norms, expected.norms);
        EXPECT_EQ(found.state.value, expected.state.value);
        EXPECT_EQ(found.state.m, expected.state.m);
        EXPECT_EQ(found.state.v, expected.state.v);
        EXPECT_LT(found.losses.back(), found.losses.front());
    }
}

// The root of the state on the device is that of the file a checkpoint would be: before the first
// step, after some, and with an outer momentum, which stays on the host.
// More matrices than a library takes in one call: this device refuses them.
TEST(Gpu, ManySmallHeadsGoInSeveralCalls) {
    const AttentionShape shape{5'500, 1, 2, 1};
    const auto values = static_cast<size_t>(shape.rows() * shape.width());
    std::vector<float> qkv(3 * values), out(values), p(values);
    for (size_t i = 0; i < qkv.size(); ++i) qkv[i] = static_cast<float>(i % 1009) / 1024.0F;
    std::vector<float> expected = out;
    (*make_backend({"portable", 1}))->attention(qkv.data(), shape, 3, expected.data(), p.data());
    const auto gpu = make_plain_gpu();
    gpu->attention(qkv.data(), shape, 3, out.data(), p.data());
    EXPECT_EQ(gpu->failure(), "");
    EXPECT_EQ(out, expected);
}

TEST(Gpu, HashesTheStateWhereItLies) {
    JobConfig job = small_gpt(3);
    job.model = GptConfig{256, 16, 96, 2, 2};  // several chunks
    const Dataset data = text();
    const testing::TemporaryFolder folder;
    for (const bool outer : {false, true}) {
        ModelState state = *initial_state(job.model, job.seed);
        if (outer) state.outer = state.value;
        const auto backend = make_plain_gpu();
        const auto host = make_backend({"portable", 2});
        auto trainer = Trainer::create(job, data, 0, *backend, state);
        auto on_host = Trainer::create(job, data, 0, **host, state);
        ASSERT_TRUE(trainer.ok() && on_host.ok());
        for (uint64_t step = 0; step <= 2; ++step) {
            if (step > 0) {
                ASSERT_TRUE((*trainer)->step(step - 1).ok() && (*on_host)->step(step - 1).ok());
            }
            const auto found = (*trainer)->manifest({0, step});
            const auto hosts = (*on_host)->manifest({0, step});
            ASSERT_TRUE(found.ok() && hosts.ok());
            const auto fetched = (*trainer)->state();
            ASSERT_TRUE(save_checkpoint(folder / "c", job.model, **fetched, {0, step}).ok());
            const auto file = manifest_of_file(folder / "c");
            ASSERT_TRUE(file.ok());
            EXPECT_GT(file->chunks.size(), 2u);
            EXPECT_EQ(found->size, file->size);
            EXPECT_TRUE(found->chunks == file->chunks) << "step " << step;
            EXPECT_TRUE(hosts->root() == file->root()) << "step " << step;
        }
    }
}

TEST(Gpu, EvaluatesAsTheHostDoes) {
    const JobConfig job = small_gpt(1);
    const Dataset data = text();
    auto state = *initial_state(job.model, 1);
    const auto host = make_backend({"portable", 1});
    const auto expected = evaluate(job.model, state, data, 2, 0, **host);
    const auto found = evaluate(job.model, state, data, 2, 0, *make_plain_gpu());
    ASSERT_TRUE(found.ok() && expected.ok());
    EXPECT_EQ(found->loss, expected->loss);
    EXPECT_EQ(found->correct, expected->correct);
    EXPECT_EQ(found->predictions, 8u * 12 * 9);
}

TEST(Gpu, OutOfMemorySaysHowMuchIsNeeded) {
    const auto backend = make_plain_gpu(10'000);
    const JobConfig job = small_gpt(1);
    const Dataset data = text();
    const auto trainer =
        Trainer::create(job, data, 0, *backend, *initial_state(job.model, job.seed));
    ASSERT_FALSE(trainer.ok());
    EXPECT_EQ(trainer.error().code, Code::kOutOfMemory);
    EXPECT_NE(trainer.error().message.find("bytes of working memory"), std::string::npos);
}

// Enough for the arena, not for the parameters or scratch: a device that failed is no divergence.
TEST(Gpu, AFailureInTheMiddleIsNotAFault) {
    const JobConfig job = small_gpt(1);
    const Dataset data = text();
    const auto program = build_program(job.model, job.plan.batch, 2, ProgramMode::kTrain);
    const auto arena = (*Executor::create(*program, *make_plain_gpu()))->arena_bytes();
    for (const int64_t more : {100, 20'000, 150'000}) {
        const auto backend = make_plain_gpu(static_cast<size_t>(arena + more));
        auto trainer = Trainer::create(job, data, 0, *backend, *initial_state(job.model, job.seed));
        ASSERT_TRUE(trainer.ok());
        const auto result = (*trainer)->step(0);
        ASSERT_FALSE(result.ok());
        EXPECT_EQ(result.error().code, Code::kUnavailable);
        EXPECT_NE(result.error().message.find("bytes more are needed"), std::string::npos);
    }
}

TEST(Gpu, ADivergedOrFailedStateHasNoRoot) {
    JobConfig job = small_gpt(40);
    job.optimizer.lr_nano = 900'000'000'000;
    job.optimizer.clip_nano = 0;
    const Dataset data = text();
    const auto backend = make_plain_gpu();
    auto trainer = Trainer::create(job, data, 0, *backend, *initial_state(job.model, job.seed));
    ASSERT_TRUE(trainer.ok());
    uint64_t step = 0;
    while (step < 40 && (*trainer)->step(step).ok()) ++step;
    ASSERT_LT(step, 40u);
    EXPECT_EQ((*trainer)->manifest({0, step}).error().code, Code::kFault);
    const auto program = build_program(job.model, job.plan.batch, 2, ProgramMode::kTrain);
    const auto arena = (*Executor::create(*program, *make_plain_gpu()))->arena_bytes();
    const auto small = make_plain_gpu(static_cast<size_t>(arena + 100));
    auto failed = Trainer::create(job, data, 0, *small, *initial_state(job.model, job.seed));
    ASSERT_TRUE(failed.ok());
    EXPECT_EQ((*failed)->manifest({0, 0}).error().code, Code::kUnavailable);
}

// Activations wait on the host where the device has no room: another program, the same bits.
TEST(Gpu, TrainsInLessMemoryThanItsActivationsNeed) {
    JobConfig job = small_gpt(4);
    job.model = GptConfig{64, 12, 16, 8, 2};
    const Dataset data = text();
    const auto host = make_backend({"portable", 1});
    const Outcome expected = trained(job, **host);
    const auto plain = build_program(job.model, job.plan.batch, 2, ProgramMode::kTrain);
    const auto floats = [](const Program& program) { return plan_memory(program).arena_floats; };
    const Program smallest = offload_layers(recompute_layers(*plain));
    ASSERT_LT(2 * floats(smallest), floats(*plain));
    ASSERT_LT(floats(smallest), floats(recompute_layers(*plain)));
    const auto gpu = make_plain_gpu();
    auto trainer = Trainer::create(
        job, data, 0, *gpu, *initial_state(job.model, job.seed),
        static_cast<uint64_t>(floats(smallest)) * sizeof(float) + scratch_bytes(smallest, false));
    ASSERT_TRUE(trainer.ok()) << trainer.error().message;
    for (uint64_t step = 0; step < 4; ++step) {
        const auto result = (*trainer)->step(step);
        ASSERT_TRUE(result.ok());
        EXPECT_EQ(result->loss, expected.losses[step]);
    }
    EXPECT_EQ((*(*trainer)->state())->value, expected.state.value);
}

// What is planned is what is used: a step runs in it, and not in a little less.
TEST(Gpu, APlannedStepFitsItsMemory) {
    const auto runs = [](const JobConfig& job, size_t memory) {
        const auto gpu = make_plain_gpu(memory);
        const Dataset data = text();
        auto trainer = Trainer::create(job, data, 0, *gpu, *initial_state(job.model, job.seed));
        return trainer.ok() && (*trainer)->step(0).ok() && (*trainer)->step(1).ok();
    };
    JobConfig job = small_gpt(2);
    LlamaConfig with_biases{64, 12, 16, 2, 4, 2, 24};
    with_biases.qkv_bias = true;
    for (const uint32_t slices : {1u, 2u, 3u}) {
        job.slices = slices;
        for (const ModelConfig& model :
             {ModelConfig(GptConfig{64, 12, 16, 2, 2}), ModelConfig(GptConfig{300, 40, 8, 1, 1}),
              ModelConfig(LlamaConfig{64, 12, 16, 2, 4, 2, 24}), ModelConfig(with_biases)}) {
            job.model = model;
            const auto program =
                build_program(model, job.plan.batch, static_cast<int>(slices), ProgramMode::kTrain);
            uint64_t bytes = static_cast<uint64_t>(plan_memory(*program).arena_floats) * 4;
            for (const Tensor& tensor : program->tensors) {
                if (tensor.kind != TensorKind::kActivation && tensor.kind != TensorKind::kGradient)
                    bytes += static_cast<uint64_t>(tensor.size()) * 4;
            }
            bytes += scratch_bytes(*program, false, kPlainProductBytes);
            EXPECT_TRUE(runs(job, bytes)) << slices;
            EXPECT_FALSE(runs(job, bytes - 1)) << slices;
        }
    }
}

TEST(Gpu, DivergenceIsAFaultAtTheSameStep) {
    JobConfig job = small_gpt(40);
    job.optimizer.lr_nano = 900'000'000'000;
    job.optimizer.clip_nano = 0;
    const Dataset data = text();
    const auto first_fault = [&](Backend& backend) {
        return testing::first_fault(
            Trainer::create(job, data, 0, backend, *initial_state(job.model, job.seed)), 40);
    };
    const auto host = make_backend({"portable", 1});
    const std::string expected = first_fault(**host);
    EXPECT_NE(expected.find("diverged at step"), std::string::npos) << expected;
    EXPECT_EQ(first_fault(*make_plain_gpu()), expected);
}

}  // namespace
}  // namespace assay::compute
