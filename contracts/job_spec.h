// The description of a job: ledger form <-> compute form, validation, quotation (docs/job-spec.md).
//
// Threads: pure functions. Errors: kInvalidArgument or kLimit with a message that names the field
// as the JSON specification does, its value and its range; kRejected when a quote exceeds what
// amounts can express.
#pragma once

#include <string_view>

#include "base/result.h"
#include "compute/models/config.h"
#include "contracts.pb.h"

namespace assay::contracts {

inline constexpr std::string_view kNumerics = "OFA-1";
// The first version of the rules that takes rope_scaling and qkv_bias of a llama.
inline constexpr uint32_t kLlamaVariantsVersion = 3;

// Conversion alone; validate_job() says whether the values make sense.
[[nodiscard]] Result<compute::JobConfig> to_job_config(const pb::JobSpec& spec);
void from_job_config(const compute::JobConfig& config, pb::JobSpec& spec);

// Every field in range and known to the rules of `version`; bytes only, so that it is part of
// preflight.
Status validate_job(const pb::JobSpec& spec, uint32_t version);

// True if a round's shard outputs are combined by an AGGREGATE task; false for plain training,
// where the one shard's output is the next checkpoint.
[[nodiscard]] bool needs_aggregation(const pb::PlanSpec& plan);

struct Quote {
    uint64_t train_tasks = 0;
    uint64_t aggregate_tasks = 0;
    uint64_t train_work = 0;      // work units of one TRAIN task
    uint64_t aggregate_work = 0;  // work units of one AGGREGATE task; 0 if there are none
    uint64_t work_units = 0;      // of all tasks, one replica each
    uint64_t max_escrow = 0;      // n_max replicas of every task at the price ceiling
    uint64_t expected_cost = 0;   // the replicas asked for, at the price ceiling
    uint64_t slot_exposure = 0;   // stake one TRAIN slot locks at the price ceiling
    uint64_t memory_mb = 0;       // of one TRAIN task
    uint64_t checkpoint_bytes = 0;

    [[nodiscard]] uint64_t tasks() const { return train_tasks + aggregate_tasks; }
};

// The spec must be valid. kLimit if a task is too large, kRejected if the escrow would not fit an
// amount.
[[nodiscard]] Result<Quote> quote(const pb::JobSpec& spec, const pb::Params& params);

// kLimit above kMaxTaskWorkUnits. TRAIN: ceil(step_macs * local_steps / 1e9).
[[nodiscard]] Result<uint64_t> train_work_units(uint64_t step_macs, uint64_t local_steps);
// AGGREGATE: ceil(parameters * (shards + 1) / 1e9): every element of every input is read once.
[[nodiscard]] Result<uint64_t> aggregate_work_units(uint64_t parameters, uint64_t shards);

}  // namespace assay::contracts
