// Setting up a home and running its node: shared by `assay init`, `node` and `provider`.
// Ownership: values. Threads: one. Errors: end the command through report.h; nothing is written
// unless the settings are valid.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ledger.pb.h"
#include "node/cli/globals.h"
#include "node/core/config.h"

namespace CLI {
class App;
}

namespace assay::node {

struct InitFlags {
    bool producer = false;
    std::string engine = "embedded";
    uint32_t validators = 4;
    std::vector<std::string> hosts;         // of the validators
    std::vector<std::string> engine_peers;  // NODEID@host:port
    std::vector<std::string> state_sync;    // host:port of engines' RPC
    std::string trust;                      // HEIGHT:HASH
    std::string chain_id = "assay-local";
    std::string genesis;
    std::vector<std::string> peers;
    uint16_t rpc_port = NodeConfig{}.rpc_port;
    uint16_t peer_port = NodeConfig{}.peer_port;
    std::string announce;
    bool keep_artifacts = false;
    bool provider = false;
    std::string moniker;
    uint64_t stake = 0;  // 0: the least that the chain asks
    uint64_t price = 1000;
    uint32_t capacity = 1;
    uint32_t threads = 1;
    uint32_t devices = 1;
    std::string backend;
};

// The options of a provider alone: moniker, stake, price, capacity, threads, devices, backend.
void add_provider_options(CLI::App& command, InitFlags& flags);
// --rpc-port and --peer-port.
void add_port_options(CLI::App& command, InitFlags& flags);
// Ends the command where a stake is given that this chain would refuse.
void check_stake(uint64_t stake, const pb::Genesis& genesis, const GlobalOptions& globals);
// A new home: key, configuration, genesis.
void init_home(const InitFlags& flags, const GlobalOptions& globals);
// One home for each validator of a new network under CometBFT, in folders of the given home.
void init_validators(const InitFlags& flags, const GlobalOptions& globals);
// Until interrupted; `as_provider` turns the provider agent on whatever the configuration says.
void run_home(const GlobalOptions& globals, bool as_provider);

}  // namespace assay::node
