#include "compute/program/memory_plan.h"

#include <algorithm>
#include <map>

namespace assay::compute {
namespace {

constexpr size_t kForever = SIZE_MAX;

bool in_arena(const Tensor& tensor) {
    return tensor.kind == TensorKind::kActivation || tensor.kind == TensorKind::kGradient;
}

// Index of the last operation that touches each tensor.
std::vector<size_t> last_uses(const Program& program) {
    std::vector<size_t> last(program.tensors.size(), 0);
    for (size_t i = 0; i < program.operations.size(); ++i) {
        for (const TensorId id : program.operations[i].inputs) last[id] = i;
        for (const TensorId id : program.operations[i].outputs) last[id] = i;
    }
    for (const TensorId id : {program.logits, program.loss, program.grad_norm}) {
        if (id == kNoTensor) continue;
        // A training step needs no logits after its loss.
        if (id == program.logits && program.mode == ProgramMode::kTrain) continue;
        last[id] = kForever;
    }
    return last;
}

class Arena {
public:
    int64_t allocate(int64_t size) {
        int64_t at = 0;
        for (const auto& [begin, end] : live_) {
            if (begin - at >= size) break;
            at = end;
        }
        live_.emplace(at, at + size);
        peak_ = std::max(peak_, at + size);
        return at;
    }
    void release(int64_t offset) { live_.erase(offset); }
    int64_t peak() const { return peak_; }

private:
    std::map<int64_t, int64_t> live_;  // begin -> end, in floats
    int64_t peak_ = 0;
};

}  // namespace

MemoryPlan plan_memory(const Program& program) {
    MemoryPlan plan;
    plan.offset.assign(program.tensors.size(), MemoryPlan::kNowhere);
    const std::vector<size_t> last = last_uses(program);
    Arena arena;
    for (size_t i = 0; i < program.operations.size(); ++i) {
        const Operation& operation = program.operations[i];
        for (const TensorId id : operation.outputs) {
            if (!in_arena(program.at(id))) continue;  // waits in host memory
            const int64_t size = std::max<int64_t>(program.at(id).size(), 1);
            const int64_t rounded =
                (size + kArenaAlignFloats - 1) / kArenaAlignFloats * kArenaAlignFloats;
            plan.offset[id] = arena.allocate(rounded);
        }
        // Results stay until after this operation, so none overlaps an operand.
        std::vector<TensorId> done = operation.inputs;
        done.insert(done.end(), operation.outputs.begin(), operation.outputs.end());
        std::sort(done.begin(), done.end());
        done.erase(std::unique(done.begin(), done.end()), done.end());
        for (const TensorId id : done) {
            if (last[id] == i && in_arena(program.at(id))) arena.release(plan.offset[id]);
        }
    }
    plan.arena_floats = arena.peak();
    return plan;
}

}  // namespace assay::compute
