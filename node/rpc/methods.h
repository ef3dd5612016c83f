// The one table of RPC methods. Each methods_<namespace>.cpp appends its own.
//
// Ownership: the handlers borrow what MethodEnv points to, which must outlive the table. Threads:
// built once; handlers run on any worker thread. Errors: as method.h.
#pragma once

#include <vector>

#include "node/rpc/auth.h"
#include "node/rpc/block_cursor.h"
#include "node/rpc/method.h"
#include "node/rpc/services.h"
#include "node/rpc/submit.h"

namespace assay::node {

struct MethodEnv {
    const Services* services = nullptr;
    Submitter* submitter = nullptr;
    BlockCache* blocks = nullptr;
    Auth* auth = nullptr;  // null: tokens cannot be managed here
};

void add_ledger_methods(std::vector<Method>& methods, const MethodEnv& env);
void add_tx_methods(std::vector<Method>& methods, const MethodEnv& env);
void add_job_methods(std::vector<Method>& methods, const MethodEnv& env);
void add_job_spend_methods(std::vector<Method>& methods, const MethodEnv& env);
void add_progress_method(std::vector<Method>& methods, const MethodEnv& env);
void add_task_methods(std::vector<Method>& methods, const MethodEnv& env);
void add_market_methods(std::vector<Method>& methods, const MethodEnv& env);
void add_provider_methods(std::vector<Method>& methods, const MethodEnv& env);
void add_stake_methods(std::vector<Method>& methods, const MethodEnv& env);
void add_validator_methods(std::vector<Method>& methods, const MethodEnv& env);
void add_lineage_method(std::vector<Method>& methods, const MethodEnv& env);
void add_audit_methods(std::vector<Method>& methods, const MethodEnv& env);
void add_node_methods(std::vector<Method>& methods, const MethodEnv& env);
void add_token_methods(std::vector<Method>& methods, const MethodEnv& env);
void add_subscription_methods(std::vector<Method>& methods, const MethodEnv& env);

// All of the above, in the order of the documentation.
std::vector<Method> build_methods(const MethodEnv& env);

}  // namespace assay::node
