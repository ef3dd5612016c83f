// The engine's own folder: config.toml, genesis.json and keys, written from our configuration.
//
// Plain functions. Errors: kIo naming the file; kInvalidArgument for a genesis without validators.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "ledger.pb.h"
#include "ledger/crypto/ed25519.h"

namespace assay::ledger::comet {

// Begin with a snapshot instead of the genesis: what a light client needs in order to know that
// the snapshot is the chain's.
struct StateSync {
    std::vector<std::string> servers;  // host:port of engines' RPC; none: from the genesis
    uint64_t trust_height = 0;         // a block that the operator knows, ...
    std::string trust_hash;            // ... and CometBFT's hash of it, 64 hexadecimal digits
};

struct EngineConfig {
    std::filesystem::path home;
    std::string moniker;
    std::string p2p_host = "127.0.0.1";
    uint16_t p2p_port = 26656;
    std::vector<std::string> peers;  // NODEID@host:port
    uint32_t block_interval_ms = 200;
    uint32_t heartbeat_ms = 5'000;  // an empty block after this long, so that timed edges fire
    std::string
        rpc_listen;  // host:port for light clients of others; empty: none, the port is closed
    StateSync state_sync;
};

[[nodiscard]] std::filesystem::path app_socket(const std::filesystem::path& home);
[[nodiscard]] std::filesystem::path rpc_socket(const std::filesystem::path& home);
struct EngineIdentity {
    std::string node_id;  // what others put before the @: hexadecimal address of the node key
    Ed25519Public consensus_key{};
};
// Once for a home: new keys of node and validator (0600), and the validator's empty state.
// kAlreadyExists if it has them.
Result<EngineIdentity> create_identity(const std::filesystem::path& home);
// Of a home that has keys. kNotFound, kCorrupt.
Result<Ed25519Public> consensus_key(const std::filesystem::path& home);
// At every start.
Status write_config(const EngineConfig& config, const pb::Genesis& genesis);

}  // namespace assay::ledger::comet
