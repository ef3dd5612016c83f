// Memory plan: where each activation and gradient of a Program lies in one arena.
//
// A tensor's lifetime runs from the operation that writes it to the last one that reads it; tensors
// whose lifetimes do not meet share space (first fit by offset). Results that are read after the
// run (loss, gradient norm, logits) live to the end. Inputs, parameters and moments are not in the
// arena: callers own them. Plain functions; thread-safe; no errors.
#pragma once

#include <vector>

#include "compute/program/program.h"

namespace assay::compute {

struct MemoryPlan {
    static constexpr int64_t kNowhere = -1;
    std::vector<int64_t> offset;  // per tensor, in floats; kNowhere: not in the arena
    int64_t arena_floats = 0;
};

inline constexpr int64_t kArenaAlignFloats = 16;  // 64 bytes: one cache line, any vector width

MemoryPlan plan_memory(const Program& program);

}  // namespace assay::compute
