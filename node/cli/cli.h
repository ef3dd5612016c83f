// The `assay` command line: global options, every command of this tier, and those a higher tier
// adds.
//
// Threads: one. Errors: none thrown; the return value is the exit status (node/cli/report.h).
#pragma once

#include <functional>
#include <vector>

#include "node/cli/globals.h"

namespace CLI {
class App;
}

namespace assay::node {

using AddCommands = std::function<void(CLI::App&, const GlobalOptions&)>;

int run_cli(int argc, char** argv, const std::vector<AddCommands>& extra);

// One function a group of commands, each in the file of that name.
void add_init_command(CLI::App& app, const GlobalOptions& globals);
void add_node_commands(CLI::App& app, const GlobalOptions& globals);  // node, worker, status
void add_provider_commands(CLI::App& app, const GlobalOptions& globals);
void add_validator_commands(CLI::App& app, const GlobalOptions& globals);
void add_provider_bench_command(CLI::App& group, const GlobalOptions& globals);
// init, run, self-test
void add_provider_home_commands(CLI::App& group, const GlobalOptions& globals);
// set, drain, resume, unjail
void add_provider_bid_commands(CLI::App& group, const GlobalOptions& globals);
// earnings, stake, history
void add_provider_money_commands(CLI::App& group, const GlobalOptions& globals);
void add_job_commands(CLI::App& app, const GlobalOptions& globals);
void add_job_watch_command(CLI::App& group, const GlobalOptions& globals);
// screen, verify
void add_job_check_commands(CLI::App& group, const GlobalOptions& globals);
// rehearse, evaluate
void add_job_rehearse_commands(CLI::App& group, const GlobalOptions& globals);
void add_model_commands(CLI::App& group, const GlobalOptions& globals);  // job result, job sample
void add_data_commands(CLI::App& app, const GlobalOptions& globals);
void add_tx_commands(CLI::App& app, const GlobalOptions& globals);  // sign, submit
void add_ledger_commands(CLI::App& app, const GlobalOptions& globals);
void add_audit_commands(CLI::App& app, const GlobalOptions& globals);
void add_audit_task_commands(CLI::App& group, const GlobalOptions& globals);  // task, diff
void add_audit_prove_command(CLI::App& group, const GlobalOptions& globals);
void add_bench_commands(CLI::App& app, const GlobalOptions& globals);  // bench, self-test
void add_completion_command(CLI::App& app, const GlobalOptions& globals);

}  // namespace assay::node
