// `assay keys`: the keyring of a home.
// Threads: one. Errors: printed by report.h, which also gives the exit status.
#pragma once

#include "node/cli/globals.h"

namespace CLI {
class App;
}

namespace assay::node {

void add_keys_commands(CLI::App& app, const GlobalOptions& globals);

}  // namespace assay::node
