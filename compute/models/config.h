// Plain descriptions of what is trained and how: the compute side of a job (docs/job-spec.md).
// Fractions are integers in billionths so that the ledger carries them exactly; value = nano / 1e9,
// one correctly rounded binary64 division.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "compute/arithmetic/rotary.h"

namespace assay::compute {

struct GptConfig {
    uint32_t vocab = 256, context = 0, d_model = 0, n_layer = 0, n_head = 0;
    bool operator==(const GptConfig&) const = default;
};
struct MlpConfig {
    uint32_t inputs = 0;
    std::vector<uint32_t> hidden;
    uint32_t classes = 0;
    bool operator==(const MlpConfig&) const = default;
};
struct LlamaConfig {
    uint32_t vocab = 0, context = 0, d_model = 0, n_layer = 0, n_head = 0, n_kv_head = 0;
    uint32_t d_ff = 0;            // width of SwiGLU
    uint32_t rope_base = 10'000;  // of the rotary positions
    uint64_t eps_nano = 10'000;   // of RMSNorm
    bool tied = false;            // the head is the embedding

    std::optional<RopeScaling> rope_scaling = std::nullopt;
    bool qkv_bias = false;  // on queries, keys and values, as Qwen2

    uint32_t head_dim() const { return n_head == 0 ? 0 : d_model / n_head; }
    uint32_t kv_width() const { return head_dim() * n_kv_head; }
    bool operator==(const LlamaConfig&) const = default;
};
// Convolutions of 3 x 3 with GELU, then a linear layer. A sample is height x width x channels.
struct CnnConfig {
    uint32_t height = 0, width = 0, channels = 1;
    std::vector<uint32_t> filters;  // outputs of each convolution
    std::vector<uint32_t> strides;  // 1 or 2 for each: 2 halves the image
    uint32_t classes = 0;
    bool operator==(const CnnConfig&) const = default;
};
// Low-rank adapters on every linear layer of the blocks of a base model, whose own weights stay as
// they are: the trained parameters are the adapters alone.
struct LoraConfig {
    std::variant<GptConfig, LlamaConfig> base;
    uint32_t rank = 0;
    bool operator==(const LoraConfig&) const = default;
};
using ModelConfig = std::variant<GptConfig, MlpConfig, LlamaConfig, CnnConfig, LoraConfig>;

// The model whose weights are given and stay; nothing where all parameters are trained.
std::optional<ModelConfig> frozen_base(const ModelConfig& model);

// What a model that reads tokens needs of its data; nothing for others.
struct TokenModel {
    uint32_t vocab = 0, context = 0;
};
std::optional<TokenModel> token_model(const ModelConfig& model);
// What a model that classifies samples needs of its data; nothing for others.
struct SampleModel {
    uint32_t inputs = 0, classes = 0;
};
std::optional<SampleModel> sample_model(const ModelConfig& model);
std::string_view model_name(
    const ModelConfig& model);  // "gpt", "mlp", "llama", "cnn"; adapters: the base's

struct OptimizerConfig {  // AdamW; warm-up, then cosine from lr to min_lr over all steps of the job
    uint64_t lr_nano = 0, beta1_nano = 900'000'000, beta2_nano = 950'000'000, eps_nano = 10;
    uint64_t decay_nano = 100'000'000, clip_nano = 1'000'000'000;
    uint32_t warmup_steps = 0;
    uint64_t min_lr_nano = 0;
};

struct PlanConfig {
    uint32_t rounds = 1, shards = 1, local_steps = 1, batch = 1;
    uint64_t outer_lr_nano = 0, outer_momentum_nano = 0;
    uint64_t total_steps() const { return uint64_t{rounds} * local_steps; }
};

struct JobConfig {
    ModelConfig model;
    OptimizerConfig optimizer;
    PlanConfig plan;
    uint32_t slices = 2;
    uint64_t seed = 0;
};

// Every field in range (docs/limits.md); the message names the field, its value and its range.
Status validate(const JobConfig& job);
Status validate(const ModelConfig& model);

// The three figures below are 0 for a config that validate() refuses.
// Multiply-accumulates of one training step of `batch` samples, counted from the Program.
uint64_t step_macs(const ModelConfig& model, uint32_t batch);
// Bytes of trained parameters and both moments.
uint64_t checkpoint_bytes(const ModelConfig& model);
// Upper estimate of memory one training task needs, bytes.
uint64_t training_bytes(const ModelConfig& model, uint32_t batch);

}  // namespace assay::compute
