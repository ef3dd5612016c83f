// Training with each batch split over several devices in plain loops: the losses, norms, states and
// roots of one portable backend, and what happens when one device faults or fails.
#include "compute/program/split.h"

#include "compute/data/dataset.h"
#include "compute/models/model.h"
#include "compute/program/builder.h"
#include "compute/program/memory_plan.h"
#include "compute/program/offload.h"
#include "compute/program/recompute.h"
#include "compute/program/scratch.h"
#include "compute/program/split_executor.h"
#include "compute/train/predict.h"
#include "compute/train/trainer.h"
#include "tests/compute/plain_gpu.h"
#include "tests/compute/train_test_support.h"

namespace assay::compute {
namespace {

constexpr size_t kPlenty = size_t{1} << 28;

const GptConfig kGpt{40, 6, 16, 2, 2};
const LlamaConfig kLlama{40, 6, 16, 2, 4, 2, 24};

LlamaConfig tied(LlamaConfig model) {
    model.tied = true;
    return model;
}

JobConfig job_of(const ModelConfig& model, uint32_t batch, uint32_t slices, uint32_t steps) {
    JobConfig job;
    job.model = model;
    job.optimizer.lr_nano = 5'000'000;
    job.plan = {1, 1, steps, batch, 0, 0};
    job.slices = slices;
    job.seed = 5 + batch;
    return job;
}

Dataset data_for(const JobConfig& job) {
    if (token_model(job.model)) {
        Bytes tokens;
        for (int i = 0; i < 900; ++i) tokens.push_back(static_cast<uint8_t>(i * i % 37));
        return Dataset::from_tokens(std::move(tokens));
    }
    const SampleModel model = *sample_model(job.model);
    Bytes pixels, labels;
    for (uint32_t i = 0; i < 30 * model.inputs; ++i)
        pixels.push_back(static_cast<uint8_t>(i * i % 251));
    for (uint32_t i = 0; i < 30; ++i) labels.push_back(static_cast<uint8_t>(i % model.classes));
    return Dataset::from_images(std::move(pixels), labels);
}

ModelState start_of(const JobConfig& job) {
    ModelState state = *initial_state(job.model, job.seed);
    if (const auto base = frozen_base(job.model)) state.frozen = initial_state(*base, 9)->value;
    return state;
}

Result<std::unique_ptr<Trainer>> trainer_of(const JobConfig& job, const Dataset& data,
                                            Backend& backend, uint64_t memory_bytes = 0) {
    return Trainer::create(job, data, 0, backend, start_of(job), memory_bytes);
}

std::unique_ptr<Backend> devices(size_t count) {
    return make_plain_gpus(std::vector<size_t>(count, kPlenty));
}

struct Outcome {
    std::vector<float> losses, norms;
    std::vector<Hash256> roots;
    ModelState state;
    bool operator==(const Outcome& o) const {
        return losses == o.losses && norms == o.norms && roots == o.roots &&
               state.value == o.state.value && state.m == o.state.m && state.v == o.state.v;
    }
};

Outcome trained(const JobConfig& job, Backend& backend, size_t devices, uint64_t memory_bytes = 0) {
    const Dataset data = data_for(job);
    auto trainer = trainer_of(job, data, backend, memory_bytes);
    Outcome run;
    EXPECT_TRUE(trainer.ok()) << trainer.error().message;
    if (!trainer.ok()) return run;
    EXPECT_EQ((*trainer)->devices(), devices);
    for (uint64_t step = 0; step < job.plan.total_steps(); ++step) {
        const auto result = (*trainer)->step(step);
        EXPECT_TRUE(result.ok()) << result.error().message;
        if (!result.ok()) return run;
        run.losses.push_back(result->loss);
        run.norms.push_back(result->grad_norm);
        if (step % 4 == 3) run.roots.push_back((*trainer)->manifest({0, step + 1})->root());
    }
    run.state = **(*trainer)->state();
    return run;
}

// Memory in which a share of `sequences` fits after the rewrite, but not before it.
uint64_t memory_for(const JobConfig& job, uint32_t sequences, int rewrites) {
    Program program =
        *build_program(job.model, sequences, static_cast<int>(job.slices), ProgramMode::kTrain);
    if (rewrites == 0) return 0;
    program = recompute_layers(program);
    if (rewrites == 2) program = offload_layers(program);
    return static_cast<uint64_t>(plan_memory(program).arena_floats) * sizeof(float) +
           scratch_bytes(program, true);
}

void expect_equal(const char* name, const ModelConfig& model, uint32_t steps = 20) {
    const auto host = make_backend({"portable", 1});
    uint32_t turn = 0;
    for (const uint32_t batch : {3U, 4U, 5U}) {
        const JobConfig job = job_of(model, batch, 1 + batch % 3, batch == 5 ? steps : 6);
        const Outcome expected = trained(job, **host, 1);
        ASSERT_EQ(expected.losses.size(), job.plan.total_steps());
        for (const uint32_t count : {1U, 2U, 3U, 4U}) {
            if (batch != 3 && count != batch - 2 && count != batch - 1) continue;
            const uint32_t used = std::min(count, batch), largest = (batch + used - 1) / used;
            const auto memory = memory_for(job, largest, static_cast<int>(turn++ % 3));
            EXPECT_TRUE(trained(job, *devices(count), used, memory) == expected)
                << name << ", batch " << batch << ", " << count << " devices, memory " << memory;
        }
    }
}

TEST(Split, GptHasTheBitsOfOneDevice) {
    expect_equal("gpt", kGpt);
}
TEST(Split, LlamaHasTheBitsOfOneDevice) {
    expect_equal("llama", kLlama);
}
TEST(Split, LlamaWithBiasesAndScaledPositionsHasTheBitsOfOneDevice) {
    LlamaConfig qwen = kLlama;
    qwen.qkv_bias = true;
    qwen.rope_scaling = RopeScaling{4'000'000'000, 1'000'000'000, 2'000'000'000, 16};
    expect_equal("qwen2", qwen);
    expect_equal("qwen2 adapters", LoraConfig{qwen, 2}, 8);
}
TEST(Split, TiedLlamaHasTheBitsOfOneDevice) {
    expect_equal("tied llama", tied(kLlama));
}
TEST(Split, MlpHasTheBitsOfOneDevice) {
    expect_equal("mlp", MlpConfig{7, {9, 5}, 4});
}
TEST(Split, CnnHasTheBitsOfOneDevice) {
    expect_equal("cnn", CnnConfig{6, 5, 2, {4, 6}, {1, 2}, 3});
}
TEST(Split, AdaptersHaveTheBitsOfOneDevice) {
    expect_equal("gpt adapters", LoraConfig{kGpt, 3}, 8);
    expect_equal("llama adapters", LoraConfig{kLlama, 2}, 8);
}

TEST(Split, EveryShareIsRewrittenWhereTheLargestDoesNotFit) {
    JobConfig job = job_of(kGpt, 5, 2, 3);
    std::get<GptConfig>(job.model).n_layer = 6;
    const Dataset data = data_for(job);
    const auto backend = devices(2);
    const auto trainer = trainer_of(job, data, *backend, memory_for(job, 3, 2));
    ASSERT_TRUE(trainer.ok());
    const auto& operations = (*trainer)->program().operations;
    EXPECT_TRUE(std::any_of(operations.begin(), operations.end(),
                            [](const Operation& o) { return o.kind == OpKind::kToHost; }));
    const auto host = make_backend({"portable", 1});
    EXPECT_TRUE(trained(job, *devices(2), 2, memory_for(job, 3, 2)) == trained(job, **host, 1));
    EXPECT_EQ(trainer_of(job, data, *backend, memory_for(job, 3, 2) - 1).error().code,
              Code::kOutOfMemory);
}

TEST(Split, MoreDevicesThanSequencesStayIdle) {
    const JobConfig job = job_of(kGpt, 2, 2, 3);
    const auto host = make_backend({"portable", 1});
    EXPECT_TRUE(trained(job, *devices(4), 2) == trained(job, **host, 1));
}

TEST(Split, DivergenceIsAFaultAtTheSameStep) {
    JobConfig job = job_of(kGpt, 3, 2, 40);
    job.optimizer.lr_nano = 900'000'000'000;
    job.optimizer.clip_nano = 0;
    const Dataset data = data_for(job);
    const auto first_fault = [&](Backend& backend) {
        return testing::first_fault(trainer_of(job, data, backend), 40);
    };
    const auto host = make_backend({"portable", 1});
    const std::string expected = first_fault(**host);
    EXPECT_NE(expected.find("diverged at step"), std::string::npos) << expected;
    for (const size_t count : {size_t{2}, size_t{3}})
        EXPECT_EQ(first_fault(*devices(count)), expected);
}

// One sample alone is not finite: a fault on the device that has it, and so on all. The next step,
// without it, would be done as usual.
TEST(Split, AFaultOnOneDeviceEndsTheStepOnAll) {
    const MlpConfig mlp{3, {4}, 2};
    for (size_t bad = 0; bad < 3; ++bad) {
        const auto backend = devices(3);
        const auto build = [&](uint32_t n) {
            return build_program(mlp, n, 2, ProgramMode::kTrain);
        };
        auto split = SplitExecutor::create(3, build, *backend);
        ASSERT_TRUE(split.ok());
        ModelState state = *initial_state(mlp, 1);
        bind_state(**split, state);
        std::vector<float> features(9, 0.5F);
        std::vector<int32_t> targets(3, 1);
        (*split)->bind_rows((*split)->program().samples, features.data());
        (*split)->bind_rows((*split)->program().targets,
                            static_cast<const int32_t*>(targets.data()));
        const AdamWStep hyper{1e-3, 0.9, 0.95, 1e-8, 0.1, 1.0, 1};
        EXPECT_TRUE((*split)->run(&hyper).ok());
        EXPECT_EQ((*split)->run(nullptr).error().code, Code::kInvalidArgument);
        features[bad * 3 + 1] = from_bits(0x7FC00000);
        EXPECT_EQ((*split)->run(&hyper).error().code, Code::kFault);
        EXPECT_TRUE(backend->faulted());
        for (const auto& peer : backend->peers()) EXPECT_TRUE(peer->faulted());
        features[bad * 3 + 1] = 0.25F;
        EXPECT_TRUE((*split)->run(&hyper).ok());
    }
}

// Wherever a device runs out of memory, before the step or in it, the others do not wait for it and
// it is no divergence.
TEST(Split, AFailureOfOneDeviceIsUnavailableAndNobodyWaits) {
    const JobConfig job = job_of(kGpt, 3, 2, 1);
    const Dataset data = data_for(job);
    const auto share = build_program(job.model, 1, 2, ProgramMode::kTrain);
    const auto arena = static_cast<size_t>(plan_memory(*share).arena_floats) * sizeof(float);
    size_t failures = 0;
    for (size_t small = 0; small < 3; ++small) {
        for (size_t more = 100; more < 250'000; more += more / 2) {
            std::vector<size_t> memory(3, kPlenty);
            memory[small] = arena + more;
            const auto backend = make_plain_gpus(memory);
            auto trainer = trainer_of(job, data, *backend);
            ASSERT_TRUE(trainer.ok());
            const auto result = (*trainer)->step(0);
            if (result.ok()) continue;
            ++failures;
            EXPECT_EQ(result.error().code, Code::kUnavailable);
            EXPECT_NE(result.error().message.find("bytes more are needed"), std::string::npos);
        }
    }
    EXPECT_GT(failures, 20u);
}

TEST(Split, OutOfMemoryOfOneDeviceIsSaidBeforeTheFirstStep) {
    const JobConfig job = job_of(kGpt, 3, 2, 1);
    const Dataset data = data_for(job);
    const auto trainer = trainer_of(job, data, *make_plain_gpus({kPlenty, 5'000}));
    ASSERT_FALSE(trainer.ok());
    EXPECT_EQ(trainer.error().code, Code::kOutOfMemory);
}

TEST(Split, PredictsAJobsTimeWithAllDevices) {
    const testing::TemporaryFolder folder;
    uint64_t now = 0;
    const auto time = predict_job_time(job_of(kGpt, 4, 2, 2), *devices(3), folder / "",
                                       [&now] { return now += 1'000'000'000; });
    ASSERT_TRUE(time.ok()) << time.error().message;
    EXPECT_EQ(time->step_ns, 1'000'000'000u);  // a look at the clock a step, whoever runs it
}

// Everything that becomes a gradient is joined, or made of what is.
TEST(Split, JoinsWhatReducesOverRows) {
    const Program program = *build_program(kGpt, 2, 2, ProgramMode::kTrain);
    const auto joined = joined_operations(program);
    ASSERT_TRUE(joined.ok());
    size_t number = 0;
    for (size_t i = 0; i < program.operations.size(); ++i) {
        const Operation& operation = program.operations[i];
        number += (*joined)[i] ? 1 : 0;
        EXPECT_EQ(operation.kind == OpKind::kGemm && operation.transpose_a,
                  operation.kind == OpKind::kGemm && (*joined)[i])
            << i;
    }
    // A block: four products and their biases, two norms. Then the head, the last norm, the loss
    // and two scatters.
    EXPECT_EQ(number, 2 * (4 + 4 + 2) + 5u);
}

TEST(Split, RefusesWhatItDoesNotKnow) {
    for (const bool bias : {false, true}) {
        ProgramBuilder builder(ProgramMode::kTrain, 2);
        const TensorId w = builder.parameter("w", {4, 4});
        const TensorId x = builder.input("x", {4, 4}, ElementType::kF32);
        bias ? builder.add("y", x, w) : builder.gemm("y", w, false, x, false);
        const auto joined = joined_operations(builder.take());
        ASSERT_FALSE(joined.ok());
        EXPECT_EQ(joined.error().code, Code::kUnsupported);
    }
}

TEST(Split, AProcessorIsOneDevice) {
    const auto two = make_backend({"portable", 1, 2});
    ASSERT_FALSE(two.ok());
    EXPECT_EQ(two.error().code, Code::kUnsupported);
    EXPECT_EQ(make_backend({"portable", 1, 65}).error().code, Code::kInvalidArgument);
    EXPECT_TRUE(make_backend({"portable", 1, 0}).ok());
}

}  // namespace
}  // namespace assay::compute
