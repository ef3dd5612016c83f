#include "compute/models/config.h"

#include <algorithm>
#include <string>

#include "compute/models/limits.h"
#include "compute/models/model.h"
#include "compute/program/memory_plan.h"

namespace assay::compute {
namespace {

Status in_range(const char* field, uint64_t value, uint64_t low, uint64_t high) {
    if (value >= low && value <= high) return {};
    return fail(Code::kInvalidArgument, std::string(field) + " is " + std::to_string(value) +
                                            "; it must be from " + std::to_string(low) + " to " +
                                            std::to_string(high));
}

Status validate_gpt(const GptConfig& c) {
    ASSAY_RETURN_IF_ERROR(in_range("model.vocab", c.vocab, 2, kMaxVocab));
    ASSAY_RETURN_IF_ERROR(in_range("model.context", c.context, 1, kMaxContext));
    ASSAY_RETURN_IF_ERROR(in_range("model.d_model", c.d_model, 1, kMaxModelWidth));
    ASSAY_RETURN_IF_ERROR(in_range("model.n_layer", c.n_layer, 1, kMaxLayers));
    ASSAY_RETURN_IF_ERROR(in_range("model.n_head", c.n_head, 1, kMaxHeads));
    if (c.d_model % c.n_head != 0) {
        return fail(Code::kInvalidArgument, "model.n_head is " + std::to_string(c.n_head) +
                                                "; it must divide model.d_model (" +
                                                std::to_string(c.d_model) + ")");
    }
    return {};
}

Status validate_rope_scaling(const RopeScaling& s) {
    ASSAY_RETURN_IF_ERROR(
        in_range("model.rope_scaling.factor_nano", s.factor_nano, kOneNano, kMaxRopeFactorNano));
    if (s.original_context == 0 && s.low_freq_factor_nano == 0 && s.high_freq_factor_nano == 0)
        return {};  // linear
    ASSAY_RETURN_IF_ERROR(in_range("model.rope_scaling.original_context", s.original_context, 1,
                                   kMaxOriginalContext));
    ASSAY_RETURN_IF_ERROR(in_range("model.rope_scaling.low_freq_factor_nano",
                                   s.low_freq_factor_nano, 1, kMaxRopeFactorNano - 1));
    return in_range("model.rope_scaling.high_freq_factor_nano", s.high_freq_factor_nano,
                    s.low_freq_factor_nano + 1, kMaxRopeFactorNano);
}

Status validate_llama(const LlamaConfig& c) {
    ASSAY_RETURN_IF_ERROR(validate_gpt({c.vocab, c.context, c.d_model, c.n_layer, c.n_head}));
    ASSAY_RETURN_IF_ERROR(in_range("model.n_kv_head", c.n_kv_head, 1, c.n_head));
    ASSAY_RETURN_IF_ERROR(in_range("model.d_ff", c.d_ff, 1, 8 * uint64_t{kMaxModelWidth}));
    ASSAY_RETURN_IF_ERROR(in_range("model.rope_base", c.rope_base, 2, 1'000'000'000));
    ASSAY_RETURN_IF_ERROR(in_range("model.eps_nano", c.eps_nano, 1, kOneNano));
    if (c.rope_scaling) ASSAY_RETURN_IF_ERROR(validate_rope_scaling(*c.rope_scaling));
    if (c.n_head % c.n_kv_head != 0) {
        return fail(Code::kInvalidArgument, "model.n_kv_head is " + std::to_string(c.n_kv_head) +
                                                "; it must divide model.n_head (" +
                                                std::to_string(c.n_head) + ")");
    }
    if (c.head_dim() % 2 != 0) {
        return fail(Code::kInvalidArgument, "model.d_model / model.n_head is " +
                                                std::to_string(c.head_dim()) +
                                                "; rotary positions need an even number");
    }
    return {};
}

Status validate_mlp(const MlpConfig& c) {
    ASSAY_RETURN_IF_ERROR(in_range("model.inputs", c.inputs, 1, kMaxMlpInputs));
    ASSAY_RETURN_IF_ERROR(in_range("number of model.hidden", c.hidden.size(), 0, kMaxHiddenLayers));
    for (const uint32_t width : c.hidden)
        ASSAY_RETURN_IF_ERROR(in_range("model.hidden", width, 1, kMaxModelWidth));
    return in_range("model.classes", c.classes, 2, kMaxClasses);
}

Status validate_cnn(const CnnConfig& c) {
    ASSAY_RETURN_IF_ERROR(in_range("model.height", c.height, 1, kMaxImageSide));
    ASSAY_RETURN_IF_ERROR(in_range("model.width", c.width, 1, kMaxImageSide));
    ASSAY_RETURN_IF_ERROR(in_range("model.channels", c.channels, 1, kMaxFilters));
    ASSAY_RETURN_IF_ERROR(in_range("model.height * model.width * model.channels",
                                   uint64_t{c.height} * c.width * c.channels, 1, kMaxMlpInputs));
    ASSAY_RETURN_IF_ERROR(
        in_range("number of model.filters", c.filters.size(), 1, kMaxConvolutions));
    ASSAY_RETURN_IF_ERROR(
        in_range("number of model.strides", c.strides.size(), c.filters.size(), c.filters.size()));
    for (const uint32_t count : c.filters)
        ASSAY_RETURN_IF_ERROR(in_range("model.filters", count, 1, kMaxFilters));
    for (const uint32_t stride : c.strides)
        ASSAY_RETURN_IF_ERROR(in_range("model.strides", stride, 1, 2));
    return in_range("model.classes", c.classes, 2, kMaxClasses);
}

Status validate_lora(const LoraConfig& c) {
    const ModelConfig base = *frozen_base(c);
    ASSAY_RETURN_IF_ERROR(validate(base));
    const auto width = std::visit([](const auto& b) { return b.d_model; }, c.base);
    return in_range("lora_rank", c.rank, 1, std::min(width, kMaxLoraRank));
}

Status validate(const OptimizerConfig& c) {
    ASSAY_RETURN_IF_ERROR(in_range("optimizer.lr_nano", c.lr_nano, 1, kMaxLearningRateNano));
    ASSAY_RETURN_IF_ERROR(in_range("optimizer.min_lr_nano", c.min_lr_nano, 0, c.lr_nano));
    ASSAY_RETURN_IF_ERROR(in_range("optimizer.beta1_nano", c.beta1_nano, 0, kOneNano - 1));
    ASSAY_RETURN_IF_ERROR(in_range("optimizer.beta2_nano", c.beta2_nano, 0, kOneNano - 1));
    ASSAY_RETURN_IF_ERROR(in_range("optimizer.eps_nano", c.eps_nano, 1, kOneNano));
    ASSAY_RETURN_IF_ERROR(in_range("optimizer.decay_nano", c.decay_nano, 0, 1000 * kOneNano));
    return in_range("optimizer.clip_nano", c.clip_nano, 0, kMaxLearningRateNano);
}

Status validate(const PlanConfig& c) {
    ASSAY_RETURN_IF_ERROR(in_range("plan.rounds", c.rounds, 1, kMaxRounds));
    ASSAY_RETURN_IF_ERROR(in_range("plan.shards", c.shards, 1, kMaxShards));
    ASSAY_RETURN_IF_ERROR(in_range("plan.local_steps", c.local_steps, 1, kMaxLocalSteps));
    ASSAY_RETURN_IF_ERROR(in_range("plan.batch", c.batch, 1, kMaxBatch));
    ASSAY_RETURN_IF_ERROR(
        in_range("plan.rounds * plan.local_steps", c.total_steps(), 1, kMaxTotalSteps));
    ASSAY_RETURN_IF_ERROR(in_range("plan.outer_lr_nano", c.outer_lr_nano, 0, 1000 * kOneNano));
    ASSAY_RETURN_IF_ERROR(
        in_range("plan.outer_momentum_nano", c.outer_momentum_nano, 0, kOneNano - 1));
    if (c.outer_lr_nano == 0 && c.outer_momentum_nano != 0) {
        return fail(Code::kInvalidArgument,
                    "plan.outer_momentum_nano is set without an outer step; "
                    "set plan.outer_lr_nano too, or neither");
    }
    return {};
}

// The largest scratch a backend needs for one product: both operands packed to 16-bit integers (two
// copies at three slices), with a row and a column scale.
uint64_t product_scratch_bytes(const Program& program) {
    int64_t most = 0;
    for (const Operation& operation : program.operations) {
        if (operation.kind != OpKind::kGemm) continue;
        most = std::max(
            most, program.at(operation.inputs[0]).size() + program.at(operation.inputs[1]).size());
    }
    return static_cast<uint64_t>(most) * 8;
}

}  // namespace

std::optional<TokenModel> token_model(const ModelConfig& model) {
    if (const auto* gpt = std::get_if<GptConfig>(&model))
        return TokenModel{gpt->vocab, gpt->context};
    if (const auto* llama = std::get_if<LlamaConfig>(&model))
        return TokenModel{llama->vocab, llama->context};
    if (const auto base = frozen_base(model)) return token_model(*base);
    return std::nullopt;
}

std::optional<SampleModel> sample_model(const ModelConfig& model) {
    if (const auto* mlp = std::get_if<MlpConfig>(&model))
        return SampleModel{mlp->inputs, mlp->classes};
    if (const auto* cnn = std::get_if<CnnConfig>(&model))
        return SampleModel{cnn->height * cnn->width * cnn->channels, cnn->classes};
    return std::nullopt;
}

std::optional<ModelConfig> frozen_base(const ModelConfig& model) {
    const auto* lora = std::get_if<LoraConfig>(&model);
    if (lora == nullptr) return std::nullopt;
    return std::visit([](const auto& base) { return ModelConfig(base); }, lora->base);
}

std::string_view model_name(const ModelConfig& model) {
    if (const auto base = frozen_base(model)) return model_name(*base);
    constexpr std::string_view kNames[] = {"gpt", "mlp", "llama", "cnn"};  // in the variant's order
    return kNames[model.index()];
}

Status validate(const ModelConfig& model) {
    if (const auto* gpt = std::get_if<GptConfig>(&model)) {
        ASSAY_RETURN_IF_ERROR(validate_gpt(*gpt));
    } else if (const auto* llama = std::get_if<LlamaConfig>(&model)) {
        ASSAY_RETURN_IF_ERROR(validate_llama(*llama));
    } else if (const auto* cnn = std::get_if<CnnConfig>(&model)) {
        ASSAY_RETURN_IF_ERROR(validate_cnn(*cnn));
    } else if (const auto* lora = std::get_if<LoraConfig>(&model)) {
        ASSAY_RETURN_IF_ERROR(validate_lora(*lora));
    } else {
        ASSAY_RETURN_IF_ERROR(validate_mlp(std::get<MlpConfig>(model)));
    }
    uint64_t parameters = 0;
    for (const ParameterSpec& spec : parameter_specs(model))
        parameters += static_cast<uint64_t>(spec.size());
    return in_range("number of parameters", parameters, 1, kMaxParameters);
}

Status validate(const JobConfig& job) {
    ASSAY_RETURN_IF_ERROR(validate(job.model));
    ASSAY_RETURN_IF_ERROR(validate(job.optimizer));
    ASSAY_RETURN_IF_ERROR(validate(job.plan));
    ASSAY_RETURN_IF_ERROR(
        in_range("optimizer.warmup_steps", job.optimizer.warmup_steps, 0, job.plan.total_steps()));
    if (const auto* cnn = std::get_if<CnnConfig>(&job.model)) {
        ASSAY_RETURN_IF_ERROR(in_range("plan.batch * model.height * model.width",
                                       uint64_t{job.plan.batch} * cnn->height * cnn->width, 1,
                                       kMaxStepRows));
    }
    if (const auto tokens = token_model(job.model)) {
        ASSAY_RETURN_IF_ERROR(in_range("plan.batch * model.context",
                                       uint64_t{job.plan.batch} * tokens->context, 1,
                                       kMaxStepRows));
    }
    return in_range("numerics.slices", job.slices, 1, 3);
}

uint64_t step_macs(const ModelConfig& model, uint32_t batch) {
    const auto program = build_program(model, batch, 2, ProgramMode::kTrain);
    return program.ok() ? macs(*program) : 0;
}

uint64_t checkpoint_bytes(const ModelConfig& model) {
    if (!validate(model).ok()) return 0;
    uint64_t bytes = 0;
    for (const ParameterSpec& spec : parameter_specs(model))
        bytes += static_cast<uint64_t>(spec.size()) * 3 * sizeof(float);
    return bytes;
}

uint64_t training_bytes(const ModelConfig& model, uint32_t batch) {
    const auto program = build_program(model, batch, 3, ProgramMode::kTrain);
    if (!program.ok()) return 0;
    uint64_t inputs = 0;
    for (const Tensor& tensor : program->tensors) {
        if (tensor.kind == TensorKind::kInput || tensor.kind == TensorKind::kFrozen)
            inputs += static_cast<uint64_t>(tensor.size()) * sizeof(float);
    }
    const auto arena = static_cast<uint64_t>(plan_memory(*program).arena_floats) * sizeof(float);
    constexpr uint64_t kProcessBytes = 64ull << 20;  // code, threads, data window, file buffers
    return checkpoint_bytes(model) + arena + inputs + product_scratch_bytes(*program) +
           kProcessBytes;
}

}  // namespace assay::compute
