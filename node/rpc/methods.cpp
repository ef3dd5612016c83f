#include "node/rpc/methods.h"

namespace assay::node {

std::vector<Method> build_methods(const MethodEnv& env) {
    std::vector<Method> methods;
    add_ledger_methods(methods, env);
    add_tx_methods(methods, env);
    add_job_methods(methods, env);
    add_job_spend_methods(methods, env);
    add_progress_method(methods, env);
    add_task_methods(methods, env);
    add_market_methods(methods, env);
    add_provider_methods(methods, env);
    add_stake_methods(methods, env);
    add_validator_methods(methods, env);
    add_audit_methods(methods, env);
    add_node_methods(methods, env);
    add_token_methods(methods, env);
    add_subscription_methods(methods, env);
    return methods;
}

}  // namespace assay::node
