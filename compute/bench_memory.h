// What a training step needs, from the plans of its programs: nothing is run.
//
// Plain functions; thread-safe. Errors: those of build_program.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace assay::compute {

struct MemoryNeed {
    std::string work;            // model and batch
    uint64_t state_bytes = 0;    // parameters and moments
    uint64_t plain_bytes = 0;    // activations and gradients of all parameters
    uint64_t again_bytes = 0;    // where layers are computed again
    uint64_t waiting_bytes = 0;  // where activations wait in host memory besides: GPUs only
    uint64_t host_bytes = 0;     // of that memory
    uint64_t scratch_bytes = 0;  // what a GPU's operations need beside any of the three
};
// Of models of every kind, small to large.
Result<std::vector<MemoryNeed>> memory_needs();
// As a table, in MB.
std::string memory_text(const std::vector<MemoryNeed>& needs);

}  // namespace assay::compute
