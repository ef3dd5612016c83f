#include "compute/train/evaluate.h"

#include <algorithm>
#include <string>

#include "compute/models/model.h"
#include "compute/program/executor.h"

namespace assay::compute {
namespace {

class Evaluator {
public:
    Evaluator(const ModelConfig& model, const Dataset& data) : model_(model), data_(data) {}

    // Predictions in one batch, and what one row of data needs.
    Status prepare() {
        if (const auto gpt = token_model(model_)) {
            if (data_.kind() != DatasetKind::kTokens)
                return fail(Code::kInvalidArgument,
                            "this model reads tokens; the data set has samples");
            rows_ = uint64_t{kEvaluateBatch} * gpt->context;
            batches_ = data_.size() == 0 ? 0 : (data_.size() - 1) / rows_;
            classes_ = gpt->vocab;
            tokens_.resize(rows_);
        } else {
            const SampleModel samples = *sample_model(model_);
            if (data_.kind() != DatasetKind::kSamples || data_.features() != samples.inputs)
                return fail(Code::kInvalidArgument, "the model needs labelled samples of " +
                                                        std::to_string(samples.inputs) +
                                                        " numbers");
            rows_ = kEvaluateBatch;
            batches_ = data_.size() / rows_;
            classes_ = samples.classes;
            features_.resize(rows_ * samples.inputs);
        }
        targets_.resize(rows_);
        if (batches_ == 0)
            return fail(Code::kInvalidArgument, "the data do not fill one batch of " +
                                                    std::to_string(kEvaluateBatch) + " rows");
        return {};
    }

    void bind(const Program& program, Executor& executor) {
        if (tokens_.empty()) {
            executor.bind(program.samples, features_.data());
        } else {
            executor.bind(program.samples, static_cast<const int32_t*>(tokens_.data()));
        }
        executor.bind(program.targets, static_cast<const int32_t*>(targets_.data()));
    }

    Status load(uint64_t batch) {
        const uint64_t first = batch * rows_;
        if (!tokens_.empty()) {
            ASSAY_RETURN_IF_ERROR(data_.tokens(first, classes_, tokens_));
            return data_.tokens(first + 1, classes_, targets_);
        }
        const uint64_t width = features_.size() / rows_;
        for (uint64_t r = 0; r < rows_; ++r) {
            const std::span<float> row(features_.data() + r * width, width);
            ASSAY_RETURN_IF_ERROR(data_.sample(first + r, classes_, row, targets_[r]));
        }
        return {};
    }

    uint64_t correct(const float* logits) const {
        uint64_t count = 0;
        for (uint64_t r = 0; r < rows_; ++r) {
            const float* row = logits + r * classes_;
            count += std::max_element(row, row + classes_) - row == targets_[r] ? 1 : 0;
        }
        return count;
    }

    uint64_t rows() const { return rows_; }
    uint64_t batches() const { return batches_; }

private:
    const ModelConfig& model_;
    const Dataset& data_;
    uint64_t rows_ = 0, batches_ = 0;
    uint32_t classes_ = 0;
    std::vector<int32_t> tokens_, targets_;
    std::vector<float> features_;
};

}  // namespace

Result<Evaluation> evaluate(const ModelConfig& model, ModelState& state, const Dataset& data,
                            uint32_t slices, uint64_t limit, Backend& backend) {
    Evaluator evaluator(model, data);
    ASSAY_RETURN_IF_ERROR(evaluator.prepare());
    ASSAY_ASSIGN(
        const Program program,
        build_program(model, kEvaluateBatch, static_cast<int>(slices), ProgramMode::kLoss));
    ASSAY_ASSIGN(const std::unique_ptr<Executor> executor, Executor::create(program, backend));
    bind_state(*executor, program, state);
    evaluator.bind(program, *executor);
    const uint64_t batches =
        limit == 0 ? evaluator.batches() : std::min(limit, evaluator.batches());
    Evaluation result;
    for (uint64_t batch = 0; batch < batches; ++batch) {
        ASSAY_RETURN_IF_ERROR(evaluator.load(batch));
        ASSAY_RETURN_IF_ERROR(executor->run());
        result.loss += double{*executor->result(program.loss)};
        result.correct += evaluator.correct(executor->result(program.logits));
        result.predictions += evaluator.rows();
    }
    result.loss /= static_cast<double>(batches);
    return result;
}

}  // namespace assay::compute
