#include "compute/train/batch.h"

#include <algorithm>

#include "compute/arithmetic/philox.h"

namespace assay::compute {

BatchSource::BatchSource(const JobConfig& job, const Dataset& data, uint32_t shard)
    : job_(job),
      data_(&data),
      shard_(shard),
      range_(shard_range(data.size(), shard, job.plan.shards)) {}

Result<BatchSource> BatchSource::create(const JobConfig& job, const Dataset& data, uint32_t shard) {
    if (shard >= job.plan.shards)
        return fail(Code::kInvalidArgument, "shard " + std::to_string(shard) +
                                                " does not exist; the plan has " +
                                                std::to_string(job.plan.shards));
    BatchSource source(job, data, shard);
    const size_t batch = job.plan.batch;
    const auto too_small = [&](const std::string& needs) {
        return fail(Code::kInvalidArgument, "shard " + std::to_string(shard) + " has " +
                                                std::to_string(source.range_.size()) + " " + needs +
                                                "; use more data or fewer shards");
    };
    if (const auto gpt = token_model(job.model)) {
        if (data.kind() != DatasetKind::kTokens)
            return fail(Code::kInvalidArgument,
                        "this model trains on tokens; the data set has samples");
        if (source.range_.size() < uint64_t{gpt->context} + 1)
            return too_small("tokens and needs context + 1 = " + std::to_string(gpt->context + 1));
        const size_t rows = batch * gpt->context;
        source.tokens_.resize(rows);
        source.targets_.resize(rows);
        source.positions_.resize(rows);
        source.window_.resize(size_t{gpt->context} + 1);
        for (size_t i = 0; i < rows; ++i)
            source.positions_[i] = static_cast<int32_t>(i % gpt->context);
        return source;
    }
    const SampleModel samples = *sample_model(job.model);
    if (data.kind() != DatasetKind::kSamples)
        return fail(Code::kInvalidArgument,
                    "this model trains on labelled samples; the data set has tokens");
    if (data.features() != samples.inputs)
        return fail(Code::kInvalidArgument, "samples have " + std::to_string(data.features()) +
                                                " numbers; the model has " +
                                                std::to_string(samples.inputs) + " inputs");
    if (source.range_.size() == 0) return too_small("samples and needs one");
    source.features_.resize(batch * samples.inputs);
    source.targets_.resize(batch);
    return source;
}

uint64_t BatchSource::draw(uint64_t n, uint64_t step, uint32_t row) const {
    return below(n, job_.seed, static_cast<uint32_t>(step), shard_ * job_.plan.batch + row);
}

Status BatchSource::load(uint64_t step) {
    if (const auto gpt = token_model(job_.model))
        return load_tokens(step, gpt->context, gpt->vocab);
    const SampleModel samples = *sample_model(job_.model);
    return load_samples(step, samples.inputs, samples.classes);
}

Status BatchSource::load_tokens(uint64_t step, uint32_t context, uint32_t vocab) {
    for (uint32_t b = 0; b < job_.plan.batch; ++b) {
        const uint64_t start = range_.begin + draw(range_.size() - context, step, b);
        ASSAY_RETURN_IF_ERROR(data_->tokens(start, vocab, window_));
        const auto row = static_cast<std::ptrdiff_t>(size_t{b} * context);
        std::copy(window_.begin(), window_.end() - 1, tokens_.begin() + row);
        std::copy(window_.begin() + 1, window_.end(), targets_.begin() + row);
    }
    return {};
}

Status BatchSource::load_samples(uint64_t step, uint32_t inputs, uint32_t classes) {
    for (uint32_t b = 0; b < job_.plan.batch; ++b) {
        const uint64_t index = range_.begin + draw(range_.size(), step, b);
        const std::span<float> row(features_.data() + size_t{b} * inputs, inputs);
        ASSAY_RETURN_IF_ERROR(data_->sample(index, classes, row, targets_[b]));
    }
    return {};
}

}  // namespace assay::compute
