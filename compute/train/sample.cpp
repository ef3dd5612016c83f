#include "compute/train/sample.h"

#include <algorithm>

#include "compute/arithmetic/philox.h"
#include "compute/arithmetic/trees.h"
#include "compute/checkpoint/checkpoint.h"
#include "compute/models/limits.h"
#include "compute/models/model.h"

namespace assay::compute {

Sampler::Sampler(const TokenModel& model, ModelState state, Program program)
    : model_(model),
      state_(std::move(state)),
      program_(std::move(program)),
      window_(model.context, 0) {}

Result<std::unique_ptr<Sampler>> Sampler::create(const ModelConfig& model, ModelState state,
                                                 uint32_t slices, Backend& backend) {
    ASSAY_ASSIGN(Program program,
                 build_program(model, 1, static_cast<int>(slices), ProgramMode::kLogits));
    const auto tokens = token_model(model);
    if (!tokens) return fail(Code::kUnsupported, "text is sampled from gpt and llama models");
    std::unique_ptr<Sampler> sampler(new Sampler(*tokens, std::move(state), std::move(program)));
    ASSAY_ASSIGN(sampler->executor_, Executor::create(sampler->program_, backend));
    bind_state(*sampler->executor_, sampler->program_, sampler->state_);
    sampler->executor_->bind(sampler->program_.samples,
                             static_cast<const int32_t*>(sampler->window_.data()));
    return sampler;
}

Result<const float*> Sampler::logits(const std::vector<int32_t>& tokens) {
    if (tokens.empty() || tokens.size() > model_.context)
        return fail(Code::kInvalidArgument, "sampling needs 1 to context tokens");
    std::fill(window_.begin(), window_.end(), 0);
    std::copy(tokens.begin(), tokens.end(), window_.begin());
    ASSAY_RETURN_IF_ERROR(executor_->run());
    return executor_->result(program_.logits) + (tokens.size() - 1) * model_.vocab;
}

// Weights are w_i = floor(exp32((l_i - max) / t) * 2^30), so their sum is an exact integer and the
// draw, below(sum), needs no rounding; the token is the first whose running sum exceeds it.
uint32_t choose_token(const float* logits, uint32_t vocab, const SampleOptions& options,
                      uint32_t position) {
    const auto best = static_cast<uint32_t>(std::max_element(logits, logits + vocab) - logits);
    if (options.temperature_nano == 0) return best;
    const auto temperature =
        static_cast<float>(static_cast<double>(options.temperature_nano) / double{kOneNano});
    std::vector<uint64_t> weight(vocab);
    uint64_t total = 0;
    bool fault = false;  // cannot be: logits are finite, the argument at most 0
    for (uint32_t i = 0; i < vocab; ++i) {
        const float scaled = (logits[i] - logits[best]) / temperature;
        const float e = exp32(scaled, fault);
        weight[i] = static_cast<uint64_t>(e * 1073741824.0F);
        total += weight[i];
    }
    uint64_t left = below(total, options.seed, position, 0);
    for (uint32_t i = 0; i < vocab; ++i) {
        if (left < weight[i]) return i;
        left -= weight[i];
    }
    return best;
}

Result<std::vector<int32_t>> sample_tokens(const std::filesystem::path& checkpoint,
                                           std::vector<int32_t> prompt,
                                           const SampleOptions& options, Backend& backend) {
    if (options.tokens > kMaxSampleTokens)
        return fail(Code::kLimit, "at most " + std::to_string(kMaxSampleTokens) + " tokens a call");
    ASSAY_ASSIGN(const ModelConfig model, checkpoint_model(checkpoint));
    const auto gpt = token_model(model);
    if (!gpt) return fail(Code::kUnsupported, "text is sampled from gpt and llama models");
    for (const int32_t token : prompt) {
        if (token < 0 || token >= static_cast<int32_t>(gpt->vocab))
            return fail(Code::kInvalidArgument, "the prompt holds token " + std::to_string(token) +
                                                    ", outside the vocabulary of " +
                                                    std::to_string(gpt->vocab));
    }
    ASSAY_ASSIGN(ModelState state, load_parameters(checkpoint, model));
    ASSAY_RETURN_IF_ERROR(load_frozen(options.base, model, state));
    ASSAY_ASSIGN(const std::unique_ptr<Sampler> sampler,
                 Sampler::create(model, std::move(state), options.slices, backend));
    std::vector<int32_t> drawn;
    for (uint32_t i = 0; i < options.tokens; ++i) {
        const size_t keep = std::min<size_t>(prompt.size(), gpt->context);
        prompt.erase(prompt.begin(), prompt.end() - static_cast<std::ptrdiff_t>(keep));
        ASSAY_ASSIGN(const float* logits, sampler->logits(prompt));
        drawn.push_back(static_cast<int32_t>(choose_token(logits, gpt->vocab, options, i)));
        prompt.push_back(drawn.back());
    }
    return drawn;
}

Result<Bytes> sample_text(const std::filesystem::path& checkpoint, ByteView prompt,
                          const SampleOptions& options, Backend& backend) {
    ASSAY_ASSIGN(const ModelConfig model, checkpoint_model(checkpoint));
    const auto gpt = token_model(model);
    if (!gpt || gpt->vocab > 256)
        return fail(Code::kUnsupported,
                    "bytes are sampled from text models with a vocabulary of at most 256; for "
                    "others give the tokenizer.json of the model");
    std::vector<int32_t> tokens(prompt.begin(), prompt.end());
    if (tokens.empty()) tokens.push_back('\n');
    ASSAY_ASSIGN(const auto drawn, sample_tokens(checkpoint, std::move(tokens), options, backend));
    return Bytes(drawn.begin(), drawn.end());
}

}  // namespace assay::compute
