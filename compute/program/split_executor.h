// SplitExecutor: one training step on several devices, each with its share of the batch's
// sequences, in lockstep: the bits of one device.
//
// An Executor for each device runs the program of its share (split.h); what reduces over rows is
// joined (join.h). Parameters and moments are on all devices, and the first one's are fetched. One
// device alone is an Executor and nothing more. Ownership: owns programs, executors and threads;
// the Backend must outlive it, bound buffers belong to the caller. Threads: call it from one.
// Errors: as Executor. What happens to one device ends the step on all: kUnavailable when one
// failed, else kFault.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "compute/kernels/thread_pool.h"
#include "compute/program/executor.h"
#include "compute/program/join.h"

namespace assay::compute {

// Sequences of each device, the largest share first: on the backend and its peers, but no more
// devices than sequences.
std::vector<int64_t> shares_of(uint32_t batch, const Backend& backend);

class SplitExecutor {
public:
    // The training program of so many sequences: the same operations whatever their number.
    using Build = std::function<Result<Program>(uint32_t sequences)>;
    // On the backend alone where the program cannot be split.
    static Result<std::unique_ptr<SplitExecutor>> create(uint32_t batch, const Build& build,
                                                         Backend& backend);
    SplitExecutor(const SplitExecutor&) = delete;
    SplitExecutor& operator=(const SplitExecutor&) = delete;

    const Program& program() const { return *parts_[0].program; }  // of the first, largest share
    size_t devices() const { return parts_.size(); }
    // For what is whole on every device: bind parameters, moments and frozen weights on each.
    Executor& device(size_t d) { return *parts_[d].executor; }
    // An input of the whole batch, of which each device gets its rows.
    template <class T>
    void bind_rows(TensorId id, T* data) {
        for (Part& part : parts_) {
            part.executor->bind(id, data);
            data += part.program->at(id).size();
        }
    }

    // As Executor's.
    Status run(const AdamWStep* step);
    const float* result(TensorId id) { return device(0).result(id); }
    Status fetch_state() { return device(0).fetch_state(); }
    const float* place(TensorId id) const { return parts_[0].executor->place(id); }

private:
    struct Part {
        std::unique_ptr<const Program> program;
        std::unique_ptr<Executor> executor;
    };
    SplitExecutor() = default;
    static Result<std::unique_ptr<SplitExecutor>> create_shares(const std::vector<int64_t>& shares,
                                                                const Build& build,
                                                                Backend& backend);

    std::vector<Part> parts_;
    std::unique_ptr<Joiner> joiner_;  // null with one device
    std::unique_ptr<ThreadPool> threads_;
};

}  // namespace assay::compute
