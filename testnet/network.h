// A local network in one directory: real processes, ports on loopback, one home per node.
//
// DIR/testnet.json lists the nodes; DIR/producer (or DIR/validator-1 ... under CometBFT) and
// DIR/provider-1 ... are homes. The first one's keyring also holds `requester`, funded at genesis.
// Faulty providers are ordinary nodes whose agent misbehaves as told. Ownership: plain values;
// processes outlive the program that started them (testnet down ends them). Threads: one. Errors:
// kAlreadyExists for a directory in use, kUnavailable for a node that does not come up, with the
// last line of its log.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace assay::testnet {

inline constexpr uint32_t kMaxNodes = 32;

struct FaultSpec {
    std::string name;  // wrong-result, silent, late, copy-commit, crash
    uint32_t count = 0;
};
Result<FaultSpec> parse_fault(const std::string& text);  // "wrong-result=1"

struct Options {
    std::filesystem::path directory;
    std::filesystem::path executable;  // the assay program
    uint32_t providers = 5;
    uint32_t validators = 0;        // of CometBFT; 0: one embedded producer
    std::vector<FaultSpec> faults;  // given to the last providers
    uint32_t accounts = 0;          // at genesis in all, for measurements of a large state
    uint32_t threads_per_slot = 1;
    uint32_t block_interval_ms = 200;
    uint64_t now_ms = 0;  // genesis time
};

struct Node {
    std::string name;
    std::filesystem::path home;
    std::string rpc;   // host:port
    std::string peer;  // host:port
    std::string address;
    std::string fault;
    pid_t pid = 0;  // 0: not running
};

struct Network {
    std::filesystem::path directory;
    std::string chain_id;
    std::vector<Node> nodes;  // [0] is the producer, or the first validator
};

Result<Network> create(const Options& options);
Result<Network> load(const std::filesystem::path& directory);
// Starts what is not running and waits until every node serves its RPC.
Status start(Network& network, const std::filesystem::path& executable);
Status stop(Network& network);
bool is_running(const Node& node);

}  // namespace assay::testnet
