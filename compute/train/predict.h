// How long a given job takes on this machine: its own tasks are run for a few seconds, on made-up
// data of its shape, and the plan says how many there are.
//
// Real tasks, because what surrounds the steps counts: initial weights, memory touched for the
// first time, batches, files made durable. Threads: as the Backend. Errors: those of a task.
#pragma once

#include <filesystem>

#include "compute/train/measure.h"

namespace assay::compute {

// Of a task's steps, at most this long is run; two tasks at most, after a short one.
inline constexpr uint64_t kTrialMs = 4'000;

struct JobTime {
    uint64_t step_ns = 0;       // mean
    uint64_t task_ns = 0;       // one TRAIN task, of a round after the first where there is one
    uint64_t aggregate_ns = 0;  // one AGGREGATE task; 0: the plan has none
    uint64_t job_ns = 0;        // all tasks one after the other on this machine, one replica
};
// Writes in `folder` what the tasks would, best on the disk that they would use. Transfer of data
// and waiting for others are not in the answer. An empty clock is steady_clock_ns().
Result<JobTime> predict_job_time(const JobConfig& job, Backend& backend,
                                 const std::filesystem::path& folder,
                                 const NanosecondClock& clock = {});

}  // namespace assay::compute
