// BatchSource: the samples of one step of one shard, a pure function of (job, data, shard, step).
//
// gpt: row b of step t starts at below(len - context, seed, t, s*B + b) of the shard's tokens (s:
// shard, B: batch), targets one later. mlp: sample below(count, seed, t, s*B + b) of the shard's
// samples. The shard is a contiguous part of the data (data/dataset.h). Ownership: keeps a pointer
// to the Dataset, owns the buffers. Threads: one. Errors: kInvalidArgument when the data do not fit
// the model.
#pragma once

#include <vector>

#include "compute/data/dataset.h"
#include "compute/models/config.h"

namespace assay::compute {

class BatchSource {
public:
    static Result<BatchSource> create(const JobConfig& job, const Dataset& data, uint32_t shard);

    Status load(uint64_t step);  // global step, from 0

    const std::vector<int32_t>& tokens() const { return tokens_; }        // gpt: batch x context
    const std::vector<int32_t>& positions() const { return positions_; }  // gpt
    std::vector<float>& features() { return features_; }                  // mlp: batch x inputs
    const std::vector<int32_t>& targets() const { return targets_; }

private:
    BatchSource(const JobConfig& job, const Dataset& data, uint32_t shard);
    Status load_tokens(uint64_t step, uint32_t context, uint32_t vocab);
    Status load_samples(uint64_t step, uint32_t inputs, uint32_t classes);
    uint64_t draw(uint64_t n, uint64_t step, uint32_t row) const;

    JobConfig job_;
    const Dataset* data_;
    uint32_t shard_;
    IndexRange range_;
    std::vector<int32_t> tokens_, positions_, targets_, window_;
    std::vector<float> features_;
};

}  // namespace assay::compute
