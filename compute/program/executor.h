// Executor: runs a Program on a Backend, with activations and gradients in one planned arena.
//
// Ownership: the Program and the Backend must outlive the Executor; bound buffers belong to the
// caller and must stay valid during run(). Threads: one at a time (as its Backend). Errors: kFault
// when an operation left the arithmetic's domain; kOutOfMemory from create() with the bytes needed;
// kInvalidArgument when an input, parameter or moment is not bound.
#pragma once

#include <cstdlib>
#include <memory>
#include <vector>

#include "compute/program/memory_plan.h"
#include "compute/program/program.h"

namespace assay::compute {

class Executor {
public:
    static Result<std::unique_ptr<Executor>> create(const Program& program, Backend& backend);

    // Buffers of size() elements for inputs, parameters and moments.
    void bind(TensorId id, float* data);
    void bind(TensorId id, const int32_t* data);

    // One pass over all operations. `step` is needed by programs with an optimiser.
    Status run(const AdamWStep* step = nullptr);

    // After run(): loss, logits or grad_norm of the program (other results may be overwritten).
    const float* result(TensorId id) const { return float_at_[id]; }
    int64_t arena_bytes() const { return plan_.arena_floats * int64_t{sizeof(float)}; }

private:
    struct Free {
        void operator()(float* p) const { std::free(p); }
    };
    Executor(const Program& program, Backend& backend, MemoryPlan plan);
    Status check_bound() const;
    void execute(const Operation& operation, const AdamWStep* step);
    void execute_gemm(const Operation& operation);
    void execute_adamw(const Operation& operation, const AdamWStep& step);
    void execute_norm(const Operation& operation);
    MatrixView view(TensorId id, bool transpose) const;

    const Program& program_;
    Backend& backend_;
    const MemoryPlan plan_;
    std::unique_ptr<float, Free> arena_;
    std::vector<float*> float_at_;        // per tensor
    std::vector<const int32_t*> int_at_;  // per tensor
};

}  // namespace assay::compute
