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

struct EngineConfig {
    std::filesystem::path home;
    std::string moniker;
    std::string p2p_host = "127.0.0.1";
    uint16_t p2p_port = 26656;
    std::vector<std::string> peers;  // NODEID@host:port
    uint32_t block_interval_ms = 200;
    uint32_t heartbeat_ms = 5'000;  // an empty block after this long, so that timed edges fire
};

[[nodiscard]] std::filesystem::path app_socket(const std::filesystem::path& home);
[[nodiscard]] std::filesystem::path rpc_socket(const std::filesystem::path& home);
// What others put before the @: hexadecimal address of the node key.
[[nodiscard]] std::string node_id(const Ed25519Key& node_key);

// Once for a home: both keys (0600) and the validator's empty state. kAlreadyExists if it has them.
Status write_keys(const std::filesystem::path& home, const Ed25519Key& node_key,
                  const Ed25519Key& validator_key);
// At every start.
Status write_config(const EngineConfig& config, const pb::Genesis& genesis);

}  // namespace assay::ledger::comet
