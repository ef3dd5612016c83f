// The same training on every machine there is here: a root of the whole state at every step.
//
// Used by equality_test (300 steps) and by the soak program (10,000). Ownership: plain values.
// Threads: one at a time; run_with_kills forks, so no other thread may be running. Errors: those of
// training; a process that ends otherwise than by our kill is kInternal.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "compute/data/dataset.h"
#include "compute/kernels/backend.h"
#include "compute/models/config.h"

namespace assay::compute::testing {

struct Machine {
    std::string backend;
    int threads;
    std::string text() const { return backend + " with " + std::to_string(threads) + " threads"; }
};
// Every backend of this machine with 1, 2, 3 and 7 threads.
std::vector<Machine> machines();

struct Training {
    JobConfig job;
    Dataset data;
};
// A GPT of 2 layers on the project's own English.
Training equality_training(uint32_t steps);

// SHA-256 over loss, gradient norm and the root of a checkpoint after each step. Each backend
// hashes the state where it lies.
using Roots = std::vector<Hash256>;
Result<Roots> run(const Training& training, const Machine& machine);
Result<Roots> run(const Training& training, Backend& backend);

// Every `turn_steps` steps a checkpoint is handed to the next machine.
Result<Roots> run_in_turns(const Training& training, const std::vector<Machine>& machines,
                           uint64_t turn_steps);

// In child processes that are killed with SIGKILL at random moments, each going on from the newest
// checkpoint on the next machine; not on a GPU. `kills` counts those that hit a running child.
Result<Roots> run_with_kills(const Training& training, std::vector<Machine> machines,
                             uint32_t longest_life_ms, int& kills);

}  // namespace assay::compute::testing
