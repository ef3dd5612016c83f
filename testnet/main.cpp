// The `assay` program: every command of the node, and the local test network.
#include "node/cli/cli.h"
#include "testnet/commands.h"

int main(int argc, char** argv) {
    return assay::node::run_cli(argc, argv, {assay::testnet::add_testnet_commands});
}
