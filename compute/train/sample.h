// Sampling: text from a gpt or llama checkpoint, deterministic: same checkpoint, prompt, seed and
// options, same bytes on every backend.
//
// Each new token is one forward pass over the last `context` tokens, padded on the right (attention
// is causal to the last bit, so padding changes nothing). Temperature t > 0: p_i proportional to
// exp32((l_i - max l) / t), in integers (see sample.cpp), drawn with below(sum, seed, position, 0).
// t = 0: the largest logit, lowest index first.
// Ownership: the Backend must outlive the Sampler. Threads: one. Errors: kFault, kInvalidArgument.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "compute/models/state.h"
#include "compute/program/executor.h"

namespace assay::compute {

struct SampleOptions {
    uint32_t tokens = 200;
    uint64_t temperature_nano = 800'000'000;
    uint64_t seed = 0;
    uint32_t slices = 2;
    std::filesystem::path base{};  // the model under a checkpoint of adapters
};
inline constexpr uint32_t kMaxSampleTokens = 1u << 20;

// The new tokens, without the prompt (at least one token, each below the model's vocab).
Result<std::vector<int32_t>> sample_tokens(const std::filesystem::path& checkpoint,
                                           std::vector<int32_t> prompt,
                                           const SampleOptions& options, Backend& backend);
// Byte-level models only (vocab 256 or less): the new bytes. An empty prompt is a line feed.
Result<Bytes> sample_text(const std::filesystem::path& checkpoint, ByteView prompt,
                          const SampleOptions& options, Backend& backend);

class Sampler {
public:
    static Result<std::unique_ptr<Sampler>> create(const ModelConfig& model, ModelState state,
                                                   uint32_t slices, Backend& backend);
    // Logits after `tokens` (1 to context of them): `vocab` values, valid until the next call.
    Result<const float*> logits(const std::vector<int32_t>& tokens);

private:
    Sampler(const TokenModel& model, ModelState state, Program program);
    const TokenModel model_;
    ModelState state_;
    const Program program_;
    std::vector<int32_t> window_;
    std::unique_ptr<Executor> executor_;
};

// The choice described above. `position` counts drawn tokens from 0.
uint32_t choose_token(const float* logits, uint32_t vocab, const SampleOptions& options,
                      uint32_t position);

}  // namespace assay::compute
