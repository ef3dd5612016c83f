// `assay testnet up | down | status`.
// Threads: one. Errors: printed by report.h, which also gives the exit status.
#pragma once

#include "node/cli/globals.h"

namespace CLI {
class App;
}

namespace assay::testnet {

void add_testnet_commands(CLI::App& app, const node::GlobalOptions& globals);

}  // namespace assay::testnet
