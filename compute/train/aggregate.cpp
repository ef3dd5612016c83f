// The aggregation task: the outputs of a round's S shards become the next checkpoint. Elementwise,
// with p0 the round's starting parameter (initial one in round 0), each step one binary32 rounding:
//   delta_s = p_s - p0;  mean = esum_s(delta_s) / f32(S)
//   no outer step:          p = p0 + mean
//   outer step (lr, mu):    b = mu * b0 + mean;  p = p0 + lr * (mean + mu * b)    [b0 = 0 in round
//   0] moments:                m = esum_s(m_s) / f32(S), v likewise
// One shard without outer step: the shard's output itself, byte for byte. The trace is empty.
#include <algorithm>
#include <string>

#include "compute/checkpoint/checkpoint.h"
#include "compute/models/limits.h"
#include "compute/models/model.h"
#include "compute/train/round_start.h"
#include "compute/train/task.h"
#include "compute/train/trace.h"

namespace assay::compute {
namespace {

constexpr size_t kWindowFloats = 1u << 18;  // of all shards together, held at a time

struct OuterStep {
    float lr, momentum;
};

float from_nano(uint64_t nano) {
    return static_cast<float>(static_cast<double>(nano) / static_cast<double>(kOneNano));
}

class Aggregation {
public:
    Aggregation(const JobConfig& job, std::vector<CheckpointReader> shards, ModelState start,
                const TaskRun& run)
        : job_(job),
          shards_(std::move(shards)),
          state_(std::move(start)),
          run_(run),
          window_(std::max<size_t>(1, kWindowFloats / shards_.size())),
          gathered_(window_ * shards_.size()),
          mean_(window_) {}

    Status run() {
        const std::vector<ParameterSpec> specs = parameter_specs(job_.model);
        run_.backend->clear_fault();
        const PlanConfig& plan = job_.plan;
        if (plan.outer_momentum_nano != 0 && state_.outer.empty()) {
            for (const ParameterSpec& spec : specs)
                state_.outer.emplace_back(static_cast<size_t>(spec.size()), 0.0F);
        }
        if (plan.outer_momentum_nano == 0) state_.outer.clear();
        for (size_t i = 0; i < specs.size(); ++i) {
            if (run_.stop != nullptr && run_.stop->load())
                return fail(Code::kUnavailable, "stopped before " + specs[i].name);
            ASSAY_RETURN_IF_ERROR(combine(specs[i].name, i));
        }
        if (run_.backend->faulted())
            return fail(Code::kFault, "aggregation met a non-finite value");
        return {};
    }
    const ModelState& state() const { return state_; }

private:
    // mean_[0..n) = esum over shards of (element - base) / S; base may be null.
    Status mean_of(std::string_view prefix, const std::string& name, size_t offset, size_t n,
                   const float* base) {
        for (size_t s = 0; s < shards_.size(); ++s) {
            const std::span<float> row(gathered_.data() + s * n, n);
            ASSAY_RETURN_IF_ERROR(shards_[s].read(prefix, name, offset, row));
            if (base == nullptr) continue;
            for (size_t i = 0; i < n; ++i) row[i] = row[i] - base[i];
        }
        run_.backend->column_sums(gathered_.data(), static_cast<int64_t>(shards_.size()),
                                  static_cast<int64_t>(n), mean_.data());
        const auto count = static_cast<float>(shards_.size());
        for (size_t i = 0; i < n; ++i) mean_[i] = mean_[i] / count;
        return {};
    }

    Status combine(const std::string& name, size_t index) {
        std::vector<float>& value = state_.value[index];
        for (size_t at = 0; at < value.size(); at += window_) {
            const size_t n = std::min(window_, value.size() - at);
            ASSAY_RETURN_IF_ERROR(mean_of("", name, at, n, value.data() + at));
            step_parameters(index, at, n);
            ASSAY_RETURN_IF_ERROR(mean_of("m.", name, at, n, nullptr));
            std::copy_n(mean_.data(), n, state_.m[index].data() + at);
            ASSAY_RETURN_IF_ERROR(mean_of("v.", name, at, n, nullptr));
            std::copy_n(mean_.data(), n, state_.v[index].data() + at);
        }
        return finite(name, value);
    }

    void step_parameters(size_t index, size_t at, size_t n) {
        float* p = state_.value[index].data() + at;
        const PlanConfig& plan = job_.plan;
        if (plan.outer_lr_nano == 0) {
            for (size_t i = 0; i < n; ++i) p[i] = p[i] + mean_[i];
            return;
        }
        const OuterStep outer{from_nano(plan.outer_lr_nano), from_nano(plan.outer_momentum_nano)};
        for (size_t i = 0; i < n; ++i) {
            float ahead = mean_[i];
            if (!state_.outer.empty()) {
                float& b = state_.outer[index][at + i];
                b = outer.momentum * b + mean_[i];
                ahead = mean_[i] + outer.momentum * b;
            }
            p[i] = p[i] + outer.lr * ahead;
        }
    }

    static Status finite(const std::string& name, const std::vector<float>& values) {
        // x - x is 0 exactly for finite x.
        const bool ok =
            std::all_of(values.begin(), values.end(), [](float x) { return x - x == 0.0F; });
        if (ok) return {};
        return fail(Code::kFault, "aggregation made " + name + " non-finite");
    }

    const JobConfig& job_;
    std::vector<CheckpointReader> shards_;
    ModelState state_;  // before: the round's start; after: the combination
    const TaskRun& run_;
    const size_t window_;
    std::vector<float> gathered_, mean_;
};

Status copy_output(const std::filesystem::path& from, const std::filesystem::path& to) {
    ASSAY_ASSIGN(const MappedFile source, MappedFile::open(from));
    return write_file(to, source.bytes());
}

}  // namespace

Status run_aggregate_task(const JobConfig& job, uint32_t round, const TaskInputs& inputs,
                          const TaskPaths& outputs, const TaskRun& run) {
    ASSAY_RETURN_IF_ERROR(check_round(job, round));
    if (run.backend == nullptr) return fail(Code::kInvalidArgument, "a task needs a backend");
    if (inputs.shard_outputs.size() != job.plan.shards) {
        return fail(Code::kInvalidArgument,
                    "aggregation got " + std::to_string(inputs.shard_outputs.size()) +
                        " shard outputs; the plan has " + std::to_string(job.plan.shards));
    }
    const Progress progress{round + 1, (uint64_t{round} + 1) * job.plan.local_steps};
    std::vector<CheckpointReader> shards;
    for (const std::filesystem::path& path : inputs.shard_outputs) {
        ASSAY_ASSIGN(CheckpointReader shard, CheckpointReader::open(path, job.model));
        if (shard.progress() != progress || shard.has_outer())
            return fail(Code::kCorrupt,
                        path.string() + " is not a shard output of round " + std::to_string(round));
        shards.push_back(std::move(shard));
    }
    ASSAY_RETURN_IF_ERROR(write_file(outputs.trace, encode(Trace{progress.step, {}})));
    if (shards.size() == 1 && job.plan.outer_lr_nano == 0)
        return copy_output(inputs.shard_outputs[0], outputs.output);
    ASSAY_ASSIGN(ModelState start, round_start(job, round, inputs.checkpoint));
    if (round > 0 && start.outer.empty() == (job.plan.outer_momentum_nano != 0))
        return fail(Code::kCorrupt,
                    inputs.checkpoint.string() +
                        (start.outer.empty() ? " lacks the outer momentum that the plan asks for"
                                             : " has an outer momentum; the plan has none"));
    Aggregation aggregation(job, std::move(shards), std::move(start), run);
    ASSAY_RETURN_IF_ERROR(aggregation.run());
    return save_checkpoint(outputs.output, job.model, aggregation.state(), progress);
}

}  // namespace assay::compute
