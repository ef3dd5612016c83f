// Transactions of an assigned operator: accept, decline, commit, reveal; and the crank, for anyone.
//
// Threads: those of the context. Errors: TxCode per rule.
#pragma once

#include "contracts/context.h"

namespace assay::contracts {

struct TaskAcceptRule {
    using Message = pb::TaskAccept;
    static Status preflight(const pb::TaskAccept& message);
    static TxCode apply(Context& context, const pb::TaskAccept& message);
};
struct TaskDeclineRule {
    using Message = pb::TaskDecline;
    static Status preflight(const pb::TaskDecline& message);
    static TxCode apply(Context& context, const pb::TaskDecline& message);
};
struct TaskCommitRule {
    using Message = pb::TaskCommit;
    static Status preflight(const pb::TaskCommit& message);
    static TxCode apply(Context& context, const pb::TaskCommit& message);
};
struct TaskRevealRule {
    using Message = pb::TaskReveal;
    static Status preflight(const pb::TaskReveal& message);
    static TxCode apply(Context& context, const pb::TaskReveal& message);
};
struct TaskCrankRule {
    using Message = pb::TaskCrank;
    static Status preflight(const pb::TaskCrank& message);
    static TxCode apply(Context& context, const pb::TaskCrank& message);
};

// Time a slot has from its acceptance to its commit: max(3 T_ref, T_ref + floor).
[[nodiscard]] uint64_t commit_window_ms(uint64_t t_ref_ms, const pb::Params& params);

}  // namespace assay::contracts
