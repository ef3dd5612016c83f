#include "compute/train/round_start.h"

#include <string>

#include "compute/checkpoint/checkpoint.h"

namespace assay::compute {

Result<ModelState> round_start(const JobConfig& job, uint32_t round,
                               const std::filesystem::path& checkpoint) {
    if (round == 0) {
        if (checkpoint.empty()) return initial_state(job.model, job.seed);
        return load_parameters(checkpoint, job.model);
    }
    if (checkpoint.empty())
        return fail(Code::kInvalidArgument,
                    "round " + std::to_string(round) + " needs the checkpoint of the round before");
    ASSAY_ASSIGN(Checkpoint loaded, load_checkpoint(checkpoint, job.model));
    const Progress expected{round, uint64_t{round} * job.plan.local_steps};
    if (loaded.progress != expected) {
        return fail(Code::kCorrupt,
                    checkpoint.string() + " is at step " + std::to_string(loaded.progress.step) +
                        " of round " + std::to_string(loaded.progress.round) + "; round " +
                        std::to_string(round) + " starts at step " + std::to_string(expected.step));
    }
    return std::move(loaded.state);
}

Status check_round(const JobConfig& job, uint32_t round) {
    ASSAY_RETURN_IF_ERROR(validate(job));
    if (round < job.plan.rounds) return {};
    return fail(Code::kInvalidArgument, "round " + std::to_string(round) +
                                            " does not exist; the plan has " +
                                            std::to_string(job.plan.rounds));
}

}  // namespace assay::compute
