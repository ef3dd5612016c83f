// The state that a round starts from, for its shard tasks and its aggregation alike. Round 0: the
// seed's initial weights, or the parameters of a given checkpoint, with fresh moments. Later
// rounds: the checkpoint of the round before, whose recorded progress must match. Plain function.
#pragma once

#include <filesystem>

#include "compute/models/state.h"

namespace assay::compute {

Result<ModelState> round_start(const JobConfig& job, uint32_t round,
                               const std::filesystem::path& checkpoint);
Status check_round(const JobConfig& job, uint32_t round);

}  // namespace assay::compute
