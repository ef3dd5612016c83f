// Program: the operation list, its work count, its memory plan and its checks.
#include "compute/program/program.h"

#include <algorithm>
#include <set>

#include "compute/bench_memory.h"
#include "compute/models/limits.h"
#include "compute/models/model.h"
#include "compute/program/builder.h"
#include "compute/program/memory_plan.h"
#include "compute/program/offload.h"
#include "compute/program/recompute.h"
#include "compute/train/trainer.h"
#include "tests/compute/train_test_support.h"

namespace assay::compute {
namespace {

const GptConfig kGpt{17, 8, 16, 2, 2};
constexpr uint32_t kBatch = 3;

Program gpt(ProgramMode mode) {
    auto program = build_program(kGpt, kBatch, 2, mode);
    EXPECT_TRUE(program.ok());
    return *std::move(program);
}

// Worked out by hand from the model's definition, not from the list.
uint64_t forward_macs() {
    const uint64_t rows = kBatch * 8, d = 16, t = 8;
    const uint64_t linear = rows * d * (3 * d + d + 4 * d + 4 * d);
    const uint64_t attention = 2 * kBatch * t * t * d;
    return 2 * (linear + attention) + rows * d * 17;
}

TEST(Program, ForwardWorkIsThatOfTheModel) {
    EXPECT_EQ(macs(gpt(ProgramMode::kLogits)), forward_macs());
    EXPECT_EQ(macs(gpt(ProgramMode::kLoss)), forward_macs());
}

TEST(Program, TrainingStepIsThreeForwardPasses) {
    EXPECT_EQ(macs(gpt(ProgramMode::kTrain)), 3 * forward_macs());
    EXPECT_EQ(step_macs(kGpt, kBatch), 3 * forward_macs());
}

TEST(Program, MlpWorkLeavesOutTheInputGradientOfTheFirstLayer) {
    const MlpConfig mlp{10, {20}, 5};
    EXPECT_EQ(step_macs(mlp, 4), uint64_t{4 * (2 * 10 * 20 + 3 * 20 * 5)});
}

TEST(Program, EveryModeChecks) {
    for (const ProgramMode mode : {ProgramMode::kTrain, ProgramMode::kLoss, ProgramMode::kLogits})
        EXPECT_TRUE(check(gpt(mode)).ok());
    for (const std::vector<uint32_t>& hidden :
         {std::vector<uint32_t>{}, std::vector<uint32_t>{4}, std::vector<uint32_t>{4, 7, 2}}) {
        EXPECT_TRUE(build_program(MlpConfig{3, hidden, 2}, 5, 2, ProgramMode::kTrain).ok());
    }
}

TEST(Program, TrainingEndsWithOneOptimiserOverAllParameters) {
    const Program program = gpt(ProgramMode::kTrain);
    EXPECT_EQ(program.operations.back().kind, OpKind::kAdamW);
    EXPECT_EQ(program.operations.back().inputs.size(), 4 * program.parameters.size());
    EXPECT_EQ(program.parameters.size(), parameter_specs(kGpt).size());
    EXPECT_EQ(program.at(program.parameters[0].value).name, "wte");
    EXPECT_TRUE(program.parameters[0].decays);
    EXPECT_FALSE(program.parameters[2].decays);  // h.0.ln_1.g
}

TEST(Program, CheckRefusesReadingBeforeWriting) {
    Program program = gpt(ProgramMode::kLogits);
    std::swap(program.operations[0], program.operations[1]);
    const Status status = check(program);
    ASSERT_FALSE(status.ok());
    EXPECT_NE(status.error().message.find("before it is written"), std::string::npos);
}

TEST(Program, CheckRefusesWritingTwice) {
    Program program = gpt(ProgramMode::kLogits);
    program.operations.push_back(program.operations.back());
    ASSERT_FALSE(check(program).ok());
    EXPECT_NE(check(program).error().message.find("second time"), std::string::npos);
}

TEST(Program, CheckRefusesShapesThatDoNotAgree) {
    Program program = gpt(ProgramMode::kTrain);
    for (size_t i = 0; i < program.operations.size(); ++i) {
        Program broken = program;
        Tensor& result = broken.tensors[broken.operations[i].outputs[0]];
        result.shape.back() += 1;
        EXPECT_FALSE(check(broken).ok()) << i;
    }
}

TEST(Program, DescribeNamesEachOperation) {
    const Program program = gpt(ProgramMode::kTrain);
    const std::string text = describe(program);
    EXPECT_EQ(static_cast<size_t>(std::count(text.begin(), text.end(), '\n')),
              program.operations.size());
    EXPECT_NE(text.find("gemm b^T: ln_f(24,16) wte(17,16) -> logits(24,17)"), std::string::npos);
}

// No two tensors that are alive at the same operation may share an element.
TEST(MemoryPlan, LiveTensorsNeverOverlap) {
    for (const ProgramMode mode : {ProgramMode::kTrain, ProgramMode::kLoss, ProgramMode::kLogits}) {
        const Program program = gpt(mode);
        const MemoryPlan plan = plan_memory(program);
        const size_t tensors = program.tensors.size();
        std::vector<size_t> first(tensors, SIZE_MAX), last(tensors, 0);
        for (size_t i = 0; i < program.operations.size(); ++i) {
            for (const TensorId id : program.operations[i].outputs) first[id] = last[id] = i;
            for (const TensorId id : program.operations[i].inputs) last[id] = i;
        }
        for (TensorId a = 0; a < tensors; ++a) {
            if (plan.offset[a] == MemoryPlan::kNowhere) continue;
            EXPECT_LE(plan.offset[a] + program.at(a).size(), plan.arena_floats);
            EXPECT_EQ(plan.offset[a] % kArenaAlignFloats, 0);
            for (TensorId b = 0; b < a; ++b) {
                if (plan.offset[b] == MemoryPlan::kNowhere) continue;
                if (first[a] > last[b] || first[b] > last[a]) continue;
                const bool apart = plan.offset[a] + program.at(a).size() <= plan.offset[b] ||
                                   plan.offset[b] + program.at(b).size() <= plan.offset[a];
                EXPECT_TRUE(apart) << program.at(a).name << " and " << program.at(b).name;
            }
        }
    }
}

TEST(MemoryPlan, SharesSpaceBetweenLayersWhenOnlyLogitsAreNeeded) {
    const auto deep = build_program(GptConfig{17, 8, 16, 8, 2}, 1, 2, ProgramMode::kLogits);
    const auto flat = build_program(GptConfig{17, 8, 16, 2, 2}, 1, 2, ProgramMode::kLogits);
    EXPECT_EQ(plan_memory(*deep).arena_floats, plan_memory(*flat).arena_floats);
}

TEST(ModelConfig, EachFieldOutOfRangeIsNamed) {
    const auto message = [](const JobConfig& job) {
        const Status status = validate(job);
        return status.ok() ? std::string("accepted") : status.error().message;
    };
    JobConfig job;
    job.model = kGpt;
    job.optimizer.lr_nano = 1000;
    EXPECT_EQ(message(job), "accepted");
    const auto broken = [&](auto change, const std::string& field) {
        JobConfig copy = job;
        change(copy);
        EXPECT_EQ(message(copy).substr(0, field.size()), field);
    };
    const auto gpt_of = [](JobConfig& j) -> GptConfig& { return std::get<GptConfig>(j.model); };
    broken([&](JobConfig& j) { gpt_of(j).vocab = 1; }, "model.vocab");
    broken([&](JobConfig& j) { gpt_of(j).context = 0; }, "model.context");
    broken([&](JobConfig& j) { gpt_of(j).n_layer = 257; }, "model.n_layer");
    broken([&](JobConfig& j) { gpt_of(j).n_head = 3; }, "model.n_head");
    broken([&](JobConfig& j) { gpt_of(j).d_model = 1u << 20; }, "model.d_model");
    const auto scaled = [](RopeScaling scaling) {
        LlamaConfig llama{17, 8, 16, 2, 4, 2, 24};
        llama.rope_scaling = scaling;
        return [llama](JobConfig& j) { j.model = llama; };
    };
    broken(scaled({kOneNano, 1, 2, 1}), "accepted");
    broken(scaled({1000 * kOneNano}), "accepted");
    broken(scaled({kOneNano - 1}), "model.rope_scaling.factor_nano");
    broken(scaled({1000 * kOneNano + 1}), "model.rope_scaling.factor_nano");
    broken(scaled({kOneNano, 1, 2, 0}), "model.rope_scaling.original_context is 0");
    broken(scaled({kOneNano, 1, 2, (1u << 24) + 1}), "model.rope_scaling.original_context");
    broken(scaled({kOneNano, 0, 2, 1}), "model.rope_scaling.low_freq_factor_nano");
    broken(scaled({kOneNano, 2, 2, 1}), "model.rope_scaling.high_freq_factor_nano");
    broken(scaled({kOneNano, 2, 1000 * kOneNano + 1, 1}),
           "model.rope_scaling.high_freq_factor_nano");
    broken([](JobConfig& j) { j.model = MlpConfig{0, {}, 2}; }, "model.inputs");
    broken([](JobConfig& j) { j.model = MlpConfig{3, {0}, 2}; }, "model.hidden");
    broken([](JobConfig& j) { j.model = MlpConfig{3, {}, 1}; }, "model.classes");
    broken([](JobConfig& j) { j.optimizer.lr_nano = 0; }, "optimizer.lr_nano");
    broken([](JobConfig& j) { j.optimizer.min_lr_nano = 1001; }, "optimizer.min_lr_nano");
    broken([](JobConfig& j) { j.optimizer.beta1_nano = 1'000'000'000; }, "optimizer.beta1_nano");
    broken([](JobConfig& j) { j.optimizer.eps_nano = 0; }, "optimizer.eps_nano");
    broken([](JobConfig& j) { j.optimizer.warmup_steps = 2; }, "optimizer.warmup_steps");
    broken([](JobConfig& j) { j.plan.rounds = 0; }, "plan.rounds");
    broken([](JobConfig& j) { j.plan.shards = 1025; }, "plan.shards");
    broken([](JobConfig& j) { j.plan.outer_momentum_nano = 1; }, "plan.outer_momentum_nano");
    broken([](JobConfig& j) { j.plan.rounds = j.plan.local_steps = 1u << 20; }, "plan.rounds * ");
    broken([](JobConfig& j) { j.slices = 4; }, "numerics.slices");
}

TEST(ModelConfig, SizesFollowTheShapes) {
    // 17*16 + 8*16 + 2 layers of 12*16*16 + 13*16, final norm 32.
    const uint64_t parameters = 17 * 16 + 8 * 16 + 2 * (12 * 256 + 13 * 16) + 32;
    EXPECT_EQ(checkpoint_bytes(kGpt), 12 * parameters);
    EXPECT_GT(training_bytes(kGpt, 2), checkpoint_bytes(kGpt));
    EXPECT_EQ(checkpoint_bytes(GptConfig{17, 8, 16, 2, 3}), 0u);
}

ModelConfig deep(bool llama) {
    if (!llama) return GptConfig{64, 32, 32, 12, 4};
    LlamaConfig model{64, 32, 32, 12, 4, 2};
    model.d_ff = 96;
    return model;
}

int64_t arena(const Program& program) {
    return plan_memory(program).arena_floats;
}

TEST(Recompute, ADeepModelFitsAQuarterOfThePlainMemory) {
    for (const bool llama : {false, true}) {
        const Program plain = *build_program(deep(llama), 16, 2, ProgramMode::kTrain);
        const Program smaller = recompute_layers(plain);
        ASSERT_TRUE(check(smaller).ok()) << check(smaller).error().message;
        EXPECT_LT(4 * arena(smaller), arena(plain)) << llama;
        // Forward products once more, but not the logits and not each layer's last one.
        EXPECT_GT(3 * macs(smaller), 7 * macs(plain) / 2);
        EXPECT_LT(3 * macs(smaller), 4 * macs(plain));
    }
}

TEST(Recompute, OtherProgramsStayAsTheyAre) {
    const Program loss = gpt(ProgramMode::kLoss);
    EXPECT_EQ(describe(recompute_layers(loss)), describe(loss));
    const Program mlp = *build_program(MlpConfig{3, {}, 2}, 5, 2, ProgramMode::kTrain);
    EXPECT_EQ(describe(recompute_layers(mlp)), describe(mlp));
}

ModelConfig adapters(bool llama) {
    LoraConfig lora;
    lora.rank = 4;
    if (llama) {
        lora.base = std::get<LlamaConfig>(deep(true));
    } else {
        lora.base = std::get<GptConfig>(deep(false));
    }
    return lora;
}

TEST(Adapters, AProgramTrainsThemAloneAndComputesNoOtherGradient) {
    for (const bool llama : {false, true}) {
        const ModelConfig model = adapters(llama);
        const Program whole = *build_program(deep(llama), 2, 2, ProgramMode::kTrain);
        const auto program = build_program(model, 2, 2, ProgramMode::kTrain);
        ASSERT_TRUE(program.ok()) << program.error().message;
        // Two for each linear layer: four of a gpt's block, seven of a llama's.
        EXPECT_EQ(program->parameters.size(), (llama ? 7U : 4U) * 12 * 2);
        EXPECT_EQ(program->frozen.size(), whole.parameters.size());
        std::set<OpKind> kinds;
        for (const Operation& operation : program->operations) kinds.insert(operation.kind);
        EXPECT_FALSE(kinds.contains(OpKind::kScatter) || kinds.contains(OpKind::kColumnSums));
        // Of three products of a layer the weights' gradient is gone; rank 4 costs less than that.
        EXPECT_LT(macs(*program), macs(whole));
        EXPECT_LT(checkpoint_bytes(model), checkpoint_bytes(deep(llama)) / 3);
        EXPECT_GT(training_bytes(model, 2), checkpoint_bytes(deep(llama)) / 3);
    }
}

TEST(Adapters, TheBaseIsGivenAndStaysAndStartsTheSameFunction) {
    for (const bool llama : {false, true}) {
        JobConfig job;
        job.model = adapters(llama);
        job.optimizer.lr_nano = 3'000'000;
        job.plan = {1, 1, 3, 4, 0, 0};
        const Dataset data = Dataset::from_tokens(Bytes(500, 7));
        const auto backend = make_backend({"", 2});
        const auto base = initial_state(deep(llama), 5);
        auto none = Trainer::create(job, data, 0, **backend, *initial_state(job.model, 7));
        ASSERT_TRUE(none.ok());
        EXPECT_EQ((*none)->step(0).error().code, Code::kInvalidArgument);

        ModelState start = *initial_state(job.model, 7);
        start.frozen = base->value;
        auto trainer = Trainer::create(job, data, 0, **backend, start);
        JobConfig whole = job;
        whole.model = deep(llama);
        auto plain = Trainer::create(whole, data, 0, **backend, *base);
        // B starts at zero.
        const float first = (*trainer)->step(0)->loss;
        EXPECT_EQ(first, (*plain)->step(0)->loss);
        EXPECT_LT((*trainer)->step(1)->loss, first);
        EXPECT_EQ((*(*trainer)->state())->frozen, base->value);
    }
}

// Per layer: what enters it stays when layers are computed again, and nothing when that waits
// outside.
TEST(Offload, ADeepModelNeedsLittleMoreThanOneLayer) {
    for (const bool llama : {false, true}) {
        const Program plain = *build_program(deep(llama), 16, 2, ProgramMode::kTrain);
        const Program again = recompute_layers(plain);
        const Program waiting = offload_layers(plain), both = offload_layers(again);
        for (const Program* program : {&waiting, &both})
            ASSERT_TRUE(check(*program).ok()) << check(*program).error().message;
        EXPECT_LT(arena(both), arena(again));
        EXPECT_LT(4 * arena(waiting), arena(plain));
        EXPECT_LT(host_bytes(both), host_bytes(waiting) / 4);
        EXPECT_EQ(macs(waiting), macs(plain));
        EXPECT_EQ(host_bytes(plain), 0U);
    }
    const Program loss = gpt(ProgramMode::kLoss);
    EXPECT_EQ(describe(offload_layers(loss)), describe(loss));
}

TEST(Offload, TheBitsStay) {
    for (const ModelConfig& model : {deep(false), deep(true)}) {
        const auto backend = make_backend({"", 2});
        std::vector<int32_t> tokens(512), targets(512), positions(512);
        for (size_t i = 0; i < tokens.size(); ++i) {
            tokens[i] = static_cast<int32_t>(i * i % 61);
            targets[i] = static_cast<int32_t>((i + 1) * (i + 1) % 61);
            positions[i] = static_cast<int32_t>(i % 32);
        }
        const Program plain = *build_program(model, 16, 2, ProgramMode::kTrain);
        std::vector<std::vector<float>> expected;
        for (const Program& program :
             {plain, offload_layers(plain), offload_layers(recompute_layers(plain))}) {
            ModelState state = *initial_state(model, 7);
            const auto executor = Executor::create(program, **backend);
            bind_state(**executor, program, state);
            (*executor)->bind(program.samples, static_cast<const int32_t*>(tokens.data()));
            (*executor)->bind(program.targets, static_cast<const int32_t*>(targets.data()));
            if (program.positions != kNoTensor)
                (*executor)->bind(program.positions, static_cast<const int32_t*>(positions.data()));
            for (uint64_t step = 1; step <= 3; ++step) {
                const AdamWStep hyper{1e-3, 0.9, 0.95, 1e-8, 0.1, 1.0, step};
                ASSERT_TRUE((*executor)->run(&hyper).ok());
            }
            if (expected.empty()) expected = state.value;
            EXPECT_EQ(state.value, expected);
        }
    }
}

TEST(Recompute, ClassifiersTrainInLessMemoryWithTheSameBits) {
    for (const ModelConfig& model : {ModelConfig(CnnConfig{6, 6, 2, {8, 8, 8, 8}, {1, 1, 1, 1}, 3}),
                                     ModelConfig(MlpConfig{12, {40, 40, 40, 40}, 3})}) {
        JobConfig job;
        job.model = model;
        job.optimizer.lr_nano = 3'000'000;
        job.plan = {1, 1, 3, 256, 0, 0};
        const uint32_t inputs = sample_model(model)->inputs;
        Bytes pixels, labels;
        for (uint32_t i = 0; i < 300 * inputs; ++i)
            pixels.push_back(static_cast<uint8_t>(i * i % 251));
        for (uint32_t i = 0; i < 300; ++i) labels.push_back(static_cast<uint8_t>(i % 3));
        const Dataset data = Dataset::from_images(std::move(pixels), labels);
        const Program plain = *build_program(model, 256, 2, ProgramMode::kTrain);
        const Program again = recompute_layers(plain);
        ASSERT_TRUE(check(again).ok()) << check(again).error().message;
        ASSERT_LT(arena(again), arena(plain));
        std::vector<std::vector<float>> expected;
        for (const uint64_t budget : {uint64_t{0}, static_cast<uint64_t>(arena(again)) * 4}) {
            const auto backend = make_backend({"", 2});
            auto trainer =
                Trainer::create(job, data, 0, **backend, *initial_state(model, 7), budget);
            ASSERT_TRUE(trainer.ok()) << trainer.error().message;
            for (uint64_t step = 0; step < 3; ++step) ASSERT_TRUE((*trainer)->step(step).ok());
            const auto& state = **(*trainer)->state();
            if (expected.empty()) expected = state.value;
            EXPECT_EQ(state.value, expected);
        }
    }
}

TEST(Recompute, AModelThatNeedsFourTimesTheMemoryIsInTheTable) {
    const auto needs = memory_needs();
    ASSERT_TRUE(needs.ok());
    bool four = false;
    for (const MemoryNeed& each : *needs) {
        EXPECT_LE(each.again_bytes, each.plain_bytes) << each.work;
        EXPECT_LE(each.waiting_bytes, each.plain_bytes) << each.work;
        EXPECT_NE(memory_text(*needs).find(each.work), std::string::npos);
        four = four || each.plain_bytes >= 4 * each.again_bytes;
    }
    EXPECT_TRUE(four);
}

TEST(Recompute, TrainingInAQuarterOfTheMemoryHasTheSameBits) {
    for (const ModelConfig& model : {deep(false), deep(true), adapters(false), adapters(true)}) {
        JobConfig job;
        job.model = model;
        const auto base = frozen_base(model);
        const auto start = [&] {
            ModelState state = *initial_state(model, 7);
            if (base) state.frozen = initial_state(*base, 5)->value;
            return state;
        };
        job.optimizer.lr_nano = 3'000'000;
        job.plan = {1, 1, 3, 16, 0, 0};
        Bytes tokens;
        for (int i = 0; i < 500; ++i) tokens.push_back(static_cast<uint8_t>(i * i % 61));
        const Dataset data = Dataset::from_tokens(tokens);
        const auto plain_bytes =
            static_cast<uint64_t>(arena(*build_program(job.model, 16, 2, ProgramMode::kTrain)) * 4);
        std::vector<std::vector<float>> expected;
        for (const uint64_t budget : {uint64_t{0}, plain_bytes / 4}) {
            const auto backend = make_backend({"", 2});
            auto trainer = Trainer::create(job, data, 0, **backend, start(), budget);
            ASSERT_TRUE(trainer.ok()) << trainer.error().message;
            for (uint64_t step = 0; step < 3; ++step) ASSERT_TRUE((*trainer)->step(step).ok());
            const auto& state = **(*trainer)->state();
            if (expected.empty()) expected = state.value;
            EXPECT_EQ(state.value, expected);
        }
        const auto backend = make_backend({"", 1});
        const auto refused = Trainer::create(job, data, 0, **backend, start(), 10'000);
        ASSERT_FALSE(refused.ok());
        EXPECT_EQ(refused.error().code, Code::kOutOfMemory);
    }
}

}  // namespace
}  // namespace assay::compute
