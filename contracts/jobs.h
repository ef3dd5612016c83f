// Jobs: posting with escrow, cancelling, topping up, and the advance from round to round.
//
// A job owns its open tasks (those not yet final). Functions that take a pb::Job& change it in
// place; the outermost caller stores it. Threads: those of the context. Errors: TxCode per rule.
#pragma once

#include "contracts/context.h"

namespace assay::contracts {

struct JobPostRule {
    using Message = pb::JobPost;
    static Status preflight(const pb::JobPost& message, uint32_t version);
    static TxCode apply(Context& context, const pb::JobPost& message);
};
struct JobCancelRule {
    using Message = pb::JobCancel;
    static Status preflight(const pb::JobCancel& message);
    static TxCode apply(Context& context, const pb::JobCancel& message);
};
struct JobTopUpRule {
    using Message = pb::JobTopUp;
    static Status preflight(const pb::JobTopUp& message);
    static TxCode apply(Context& context, const pb::JobTopUp& message);
};

// `task` was just tallied and saved: records a checkpoint, opens what depends on it.
void advance_job(Context& context, pb::Job& job, const pb::Task& task);
// `task` was just settled: takes it off the job; ends the job if it was the last or diverged.
void close_final_task(Context& context, pb::Job& job, const pb::Task& task);
// Ends the job: open tasks are settled if tallied, else cancelled; the escrow goes back.
void end_job(Context& context, pb::Job& job, pb::JobState end, std::string_view reason);
// `task` ended without a result (saved by the caller): the job fails.
void fail_job(Context& context, pb::Job& job, const pb::Task& task, std::string_view reason);

}  // namespace assay::contracts
