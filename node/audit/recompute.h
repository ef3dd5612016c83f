// Running a task again from its inputs and comparing the result with what the ledger accepted.
//
// Ownership: borrows state and blob store. Threads: one; the backend brings its own. Errors:
// kCorrupt when the result differs from the ledger's, kNotFound for inputs that the blob store
// lacks.
#pragma once

#include <functional>
#include <string>

#include "compute/kernels/backend.h"
#include "contracts.pb.h"
#include "ledger/state/view.h"
#include "node/blobs/blob_store.h"

namespace assay::node {

struct RecomputeReport {
    std::string task_id;  // hexadecimal
    Hash256 output_root;  // computed here, equal to the ledger's
    Hash256 trace_root;
    bool diverged = false;
    uint32_t fault_step = 0;
};

using OnStep = std::function<void(uint64_t step, uint64_t steps)>;
Result<RecomputeReport> recompute_task(const ledger::ReadView& state, const pb::Task& task,
                                       const BlobStore& blobs, compute::Backend& backend,
                                       const OnStep& on_step = {});

}  // namespace assay::node
