// Executor: runs a Program on a Backend, with activations and gradients in one planned arena.
//
// Where the backend has memory of its own, everything lives there: parameters and moments go up
// once and come back with fetch_state(), inputs go up at each run, results come back when asked
// for. Ownership: the Program and the Backend must outlive the Executor; bound buffers belong to
// the caller and must stay valid during run(). Threads: one at a time (as its Backend). Errors:
// kFault when an operation left the arithmetic's domain; kUnavailable when the device failed;
// kOutOfMemory from create() with the bytes needed; kInvalidArgument when an input, parameter or
// moment is not bound.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "compute/program/memory_plan.h"
#include "compute/program/program.h"

namespace assay::compute {

class Executor {
public:
    static Result<std::unique_ptr<Executor>> create(const Program& program, Backend& backend);
    ~Executor();
    Executor(const Executor&) = delete;
    Executor& operator=(const Executor&) = delete;

    // Buffers of size() elements for inputs, parameters and moments.
    void bind(TensorId id, float* data);
    void bind(TensorId id, const int32_t* data);

    // From now on one of several that share a batch, in step with each other: operations whose flag
    // is set (split.h) reduce over the rows of all. kUnsupported where the backend cannot.
    Status join(RowJoin& join, std::vector<bool> joined);

    // One pass over all operations. `step` is needed by programs with an optimiser.
    Status run(const AdamWStep* step = nullptr);
    // Whether run() would begin; else its error.
    Status ready(const AdamWStep* step) const;

    // After run(): loss, logits or grad_norm of the program (other results may be overwritten).
    // Valid until the next call.
    const float* result(TensorId id);
    // Brings parameters and moments into their bound buffers, where they are not there already.
    Status fetch_state();
    // Where the newest values of a parameter or moment lie: the backend's memory, or the bound
    // buffer.
    const float* place(TensorId id) const;
    int64_t arena_bytes() const { return plan_.arena_floats * int64_t{sizeof(float)}; }

private:
    struct Bound {  // a caller's buffer, and its copy in the backend's memory
        void* host = nullptr;
        void* device = nullptr;
        bool upload = false;
    };
    Executor(const Program& program, Backend& backend, MemoryPlan plan);
    Status allocate_arena();
    void bind_any(TensorId id, void* data);
    void upload_bound();
    Status check_bound() const;
    Status device_status() const;
    bool run_operations(const AdamWStep* step);  // whether there was a fault
    void execute(const Operation& operation, const AdamWStep* step);
    void move(const Operation& operation);
    void execute_gemm(const Operation& operation);
    void execute_adamw(const Operation& operation, const AdamWStep& step);
    void execute_norm(const Operation& operation);
    void execute_rmsnorm(const Operation& operation);
    void execute_embedding(const Operation& operation);
    MatrixView view(TensorId id, bool transpose) const;

    const Program& program_;
    Backend& backend_;
    const MemoryPlan plan_;
    float* arena_ = nullptr;
    std::vector<Bound> bound_;                        // per tensor; unused in host memory
    RowJoin* join_ = nullptr;                         // with others that share the batch
    std::vector<bool> joined_;                        // per operation, with join_
    std::map<TensorId, std::vector<float>> waiting_;  // in host memory
    std::vector<float> fetched_;                      // the last result brought back
    std::vector<float*> float_at_;                    // per tensor
    std::vector<const int32_t*> int_at_;              // per tensor
};

}  // namespace assay::compute
