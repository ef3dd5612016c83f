#include "compute/train/predict.h"

#include <algorithm>
#include <cstring>

#include "compute/checkpoint/checkpoint.h"
#include "compute/checkpoint/safetensors.h"
#include "compute/models/state.h"
#include "compute/train/task.h"

namespace assay::compute {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kNsPerMs = 1'000'000;
constexpr uint64_t kProbeSteps = 3;
constexpr uint64_t kDataBytes = uint64_t{16} << 20;

struct TaskTime {
    uint64_t first_ns = 0;  // up to the end of the first step
    uint64_t steps_ns = 0;  // those after it
    uint64_t steps = 0;
    uint64_t finish_ns = 0;  // after the last one
};

// Tokens of a small alphabet, or images, whichever the model takes: times do not depend on values.
Status write_data(const ModelConfig& model, const fs::path& file) {
    Bytes bytes(kDataBytes);
    if (const auto tokens = token_model(model)) {
        const uint64_t alphabet = std::min<uint64_t>(tokens->vocab, 256);
        for (uint64_t i = 0; i < bytes.size(); ++i)
            bytes[i] = static_cast<uint8_t>(i * i % 65'537 % alphabet);
        return write_file(file, bytes);
    }
    const auto samples = *sample_model(model);
    const uint64_t count = std::max<uint64_t>(1, kDataBytes / samples.inputs);
    bytes.resize(count * samples.inputs);
    for (uint64_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i * i % 65'537);
    Bytes labels(count * sizeof(int32_t));
    for (uint64_t i = 0; i < count; ++i) {
        const auto label = static_cast<int32_t>(i % samples.classes);
        std::memcpy(labels.data() + i * sizeof label, &label, sizeof label);
    }
    return write_safetensors(file,
                             {{"images", Dtype::kU8, {count, samples.inputs}, bytes},
                              {"labels", Dtype::kI32, {count}, labels}},
                             {});
}

// Tasks of a job with one shard and few steps, timed.
class Trial {
public:
    Trial(const JobConfig& job, Backend& backend, fs::path folder, NanosecondClock clock)
        : job_(job), folder_(std::move(folder)), clock_(std::move(clock)) {
        run_.backend = &backend;
    }

    Status prepare() {
        inputs_.data = folder_ / "data";
        ASSAY_RETURN_IF_ERROR(write_data(job_.model, inputs_.data));
        const auto base = frozen_base(job_.model);
        if (!base) return {};
        ASSAY_ASSIGN(const ModelState given, initial_state(*base, job_.seed));
        inputs_.base = folder_ / "base";
        return save_checkpoint(inputs_.base, *base, given, {});
    }

    // Round 0 or 1, of `steps` steps; round 1 goes on from round 0 of as many.
    Result<TaskTime> train(uint32_t round, uint64_t steps) {
        JobConfig job = with_steps(steps);
        job.plan.shards = 1;
        TaskInputs inputs = inputs_;
        if (round > 0) inputs.checkpoint = output(round - 1);
        TaskTime time;
        const uint64_t begin = clock_();
        uint64_t last = begin;
        TaskRun run = run_;
        run.on_step = [&](const StepReport& report) {
            const uint64_t now = clock_();
            (report.local_step == 0 ? time.first_ns : time.steps_ns) += now - last;
            last = now;
        };
        ASSAY_RETURN_IF_ERROR(
            run_train_task(job, round, 0, inputs, {output(round), folder_ / "trace"}, run));
        time.steps = steps - 1;
        time.finish_ns = clock_() - last;
        return time;
    }

    // Of round 0, as if every shard's output were the one of train(0, steps).
    Result<uint64_t> aggregate(uint64_t steps) {
        const JobConfig job = with_steps(steps);
        TaskInputs inputs;
        inputs.base = inputs_.base;
        inputs.shard_outputs.assign(job.plan.shards, output(0));
        const uint64_t begin = clock_();
        ASSAY_RETURN_IF_ERROR(
            run_aggregate_task(job, 0, inputs, {folder_ / "mean", folder_ / "trace"}, run_));
        return clock_() - begin;
    }

private:
    [[nodiscard]] JobConfig with_steps(uint64_t steps) const {
        JobConfig job = job_;
        job.plan.local_steps = static_cast<uint32_t>(steps);
        job.optimizer.warmup_steps = 0;
        return job;
    }
    [[nodiscard]] fs::path output(uint32_t round) const {
        return folder_ / ("round-" + std::to_string(round));
    }

    const JobConfig& job_;
    const fs::path folder_;
    const NanosecondClock clock_;
    TaskInputs inputs_;
    TaskRun run_;
};

bool aggregates(const PlanConfig& plan) {
    return plan.shards > 1 || plan.outer_lr_nano != 0 || plan.outer_momentum_nano != 0;
}

}  // namespace

Result<JobTime> predict_job_time(const JobConfig& job, Backend& backend, const fs::path& folder,
                                 const NanosecondClock& clock) {
    ASSAY_RETURN_IF_ERROR(validate(job));
    const PlanConfig& plan = job.plan;
    Trial trial(job, backend, folder, clock ? clock : steady_clock_ns());
    ASSAY_RETURN_IF_ERROR(trial.prepare());

    const uint64_t most = plan.local_steps;
    ASSAY_ASSIGN(const TaskTime probe, trial.train(0, std::min(most, kProbeSteps)));
    const uint64_t guess = probe.steps == 0 ? probe.first_ns : probe.steps_ns / probe.steps;
    const uint64_t fitting = kTrialMs * kNsPerMs / std::max<uint64_t>(guess, 1);
    const uint64_t steps = std::min(most, std::max(fitting, kProbeSteps));

    ASSAY_ASSIGN(const TaskTime first, trial.train(0, steps));
    TaskTime later = first;
    JobTime time;
    if (aggregates(plan)) {
        ASSAY_ASSIGN(time.aggregate_ns, trial.aggregate(steps));
    }
    if (plan.rounds > 1) {
        ASSAY_ASSIGN(later, trial.train(1, steps));
    }
    // The mean: what interrupts a step now will do so during the job, too.
    const uint64_t timed = first.steps + later.steps;
    time.step_ns = timed == 0 ? later.first_ns : (first.steps_ns + later.steps_ns) / timed;
    const auto whole = [&](const TaskTime& task) {
        return task.first_ns + (most - 1) * time.step_ns + task.finish_ns;
    };
    time.task_ns = whole(later);
    time.job_ns = plan.shards * (whole(first) + (plan.rounds - 1) * whole(later)) +
                  plan.rounds * time.aggregate_ns;
    return time;
}

}  // namespace assay::compute
