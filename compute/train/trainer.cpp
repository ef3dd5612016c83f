#include "compute/train/trainer.h"

#include "compute/arithmetic/schedule.h"
#include "compute/models/limits.h"
#include "compute/models/model.h"
#include "compute/program/memory_plan.h"
#include "compute/program/offload.h"
#include "compute/program/recompute.h"
#include "compute/program/scratch.h"

namespace assay::compute {
namespace {

double from_nano(uint64_t nano) {
    return static_cast<double>(nano) / static_cast<double>(kOneNano);
}

uint64_t arena_bytes(const Program& program) {
    return static_cast<uint64_t>(plan_memory(program).arena_floats) * sizeof(float);
}

enum class Rewrite { kPlain, kRecomputed, kOffloaded };

Result<Program> rewritten_program(const JobConfig& job, uint32_t batch, Rewrite rewrite) {
    ASSAY_ASSIGN(Program program, build_program(job.model, batch, static_cast<int>(job.slices),
                                                ProgramMode::kTrain));
    if (rewrite == Rewrite::kPlain) return program;
    program = recompute_layers(program);
    return rewrite == Rewrite::kRecomputed ? program : offload_layers(program);
}

// The plain program, or what fits: layers computed again; on a device also activations that wait in
// host memory. By the largest share of the batch, for all.
Result<Rewrite> fitting_rewrite(const JobConfig& job, uint64_t memory_bytes,
                                const Backend& backend) {
    if (memory_bytes == 0) return Rewrite::kPlain;
    const std::vector<int64_t> shares = shares_of(job.plan.batch, backend);
    const bool on_host = backend.in_host_memory();
    const Rewrite last = on_host ? Rewrite::kRecomputed : Rewrite::kOffloaded;
    uint64_t needed = 0;
    for (const Rewrite rewrite : {Rewrite::kPlain, Rewrite::kRecomputed, last}) {
        ASSAY_ASSIGN(const Program program,
                     rewritten_program(job, static_cast<uint32_t>(shares.front()), rewrite));
        needed = arena_bytes(program) + (on_host ? 0 : scratch_bytes(program, shares.size() > 1));
        if (needed <= memory_bytes) return rewrite;
    }
    return fail(Code::kOutOfMemory, "a step needs " + std::to_string(needed) +
                                        " bytes for activations and gradients, and " +
                                        std::to_string(memory_bytes) +
                                        " are to be had; use a smaller batch, context or model");
}

}  // namespace

AdamWStep adamw_step(const JobConfig& job, uint64_t step) {
    const OptimizerConfig& o = job.optimizer;
    AdamWStep result{};
    result.lr = learning_rate(from_nano(o.lr_nano), from_nano(o.min_lr_nano), o.warmup_steps,
                              job.plan.total_steps(), step);
    result.beta1 = from_nano(o.beta1_nano);
    result.beta2 = from_nano(o.beta2_nano);
    result.eps = from_nano(o.eps_nano);
    result.decay = from_nano(o.decay_nano);
    result.clip = from_nano(o.clip_nano);
    result.step = step + 1;
    return result;
}

Trainer::Trainer(const JobConfig& job, BatchSource source, ModelState state, Backend& backend)
    : job_(job), source_(std::move(source)), state_(std::move(state)), backend_(backend) {}

Result<std::unique_ptr<Trainer>> Trainer::create(const JobConfig& job, const Dataset& data,
                                                 uint32_t shard, Backend& backend, ModelState state,
                                                 uint64_t memory_bytes) {
    ASSAY_RETURN_IF_ERROR(validate(job));
    ASSAY_ASSIGN(BatchSource source, BatchSource::create(job, data, shard));
    ASSAY_ASSIGN(const Rewrite rewrite, fitting_rewrite(job, memory_bytes, backend));
    std::unique_ptr<Trainer> trainer(
        new Trainer(job, std::move(source), std::move(state), backend));
    const auto build = [&](uint32_t sequences) {
        return rewritten_program(job, sequences, rewrite);
    };
    ASSAY_ASSIGN(trainer->executor_, SplitExecutor::create(job.plan.batch, build, backend));
    trainer->bind();
    return trainer;
}

void Trainer::bind() {
    const Program& program = executor_->program();
    bind_state(*executor_, state_);
    if (token_model(job_.model)) {
        executor_->bind_rows(program.samples, source_.tokens().data());
        if (program.positions != kNoTensor)
            executor_->bind_rows(program.positions, source_.positions().data());
    } else {
        executor_->bind_rows(program.samples, source_.features().data());
    }
    executor_->bind_rows(program.targets, source_.targets().data());
}

Result<StepResult> Trainer::step(uint64_t step) {
    ASSAY_RETURN_IF_ERROR(source_.load(step));
    const AdamWStep hyper = adamw_step(job_, step);
    const Status status = executor_->run(&hyper);
    if (!status.ok()) {
        if (status.error().code != Code::kFault) return status.error();
        return fail(Code::kFault, "training diverged at step " + std::to_string(step) + ": " +
                                      status.error().message +
                                      "; lower the learning rate or lengthen the warm-up");
    }
    const float loss = *executor_->result(program().loss);
    return StepResult{loss, *executor_->result(program().grad_norm)};
}

Result<Manifest> Trainer::manifest(const Progress& progress) {
    StatePlaces places = places_of(state_);
    for (size_t i = 0; i < program().parameters.size(); ++i) {
        const ProgramParameter& p = program().parameters[i];
        places.value[i] = executor_->place(p.value);
        places.m[i] = executor_->place(p.m);
        places.v[i] = executor_->place(p.v);
    }
    return checkpoint_manifest(backend_, job_.model, places, progress);
}

Result<const ModelState*> Trainer::state() {
    ASSAY_RETURN_IF_ERROR(executor_->fetch_state());
    return &state_;
}

}  // namespace assay::compute
