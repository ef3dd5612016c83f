// A node's configuration: <home>/config.json, and the layout of the home folder.
//
// Plain values. Errors: kInvalidArgument names the file, the field and what it accepts; an unknown
// field is refused so that a typing mistake never silently means the default.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "node/core/files.h"

namespace assay::node {

enum class EngineKind : uint8_t { kProducer, kFollower, kCometbft };
enum class LogFormat : uint8_t { kText, kJson };

struct ProviderConfig {
    bool enabled = false;
    std::string moniker;
    uint64_t price_floor = 1000;  // micro-units per work unit
    uint32_t capacity = 1;        // slots at a time
    uint64_t stake = 0;           // bonded before registering; 0: the least that the chain asks
    std::string backend;          // empty: the best
    uint32_t threads = 1;         // per slot
    uint32_t devices = 1;         // GPUs per slot; 0: all
    std::string fault;  // test networks only: wrong-result, silent, late, copy-commit, crash
};

struct NodeConfig {
    EngineKind engine = EngineKind::kFollower;
    std::string key = "node";  // keyring entry: identity, producer and operator key
    std::string rpc_host = "127.0.0.1";
    uint16_t rpc_port = 8650;
    std::string peer_host = "127.0.0.1";
    uint16_t peer_port = 8651;
    std::string announce;  // host:port by which others reach the peer service; empty: peer_host's
    std::vector<std::string> peers;  // host:port
    uint32_t block_interval_ms = 200;
    uint32_t heartbeat_ms = 5000;
    // CometBFT alone:
    std::string cometbft;                   // its program; empty: found (find_cometbft)
    std::string engine_host = "127.0.0.1";  // where it listens for the others'
    uint16_t engine_port = 26656;
    std::vector<std::string> engine_peers;  // NODEID@host:port
    std::string engine_rpc;                 // host:port for others' light clients; empty: closed
    uint64_t snapshot_interval = 1000;      // blocks; 0: none are made
    uint64_t keep_blocks = 0;               // older ones are deleted; 0: none
    std::vector<std::string> state_sync;    // host:port of others' engine_rpc; empty: from genesis
    uint64_t trust_height = 0;              // with state_sync: a block that is known, ...
    std::string trust_hash;                 // ... and the engine's hash of it
    bool keep_artifacts = false;            // fetch and pin the checkpoints and traces of every job
    uint64_t blob_limit_mb = 20'480;
    std::string log_level = "info";  // trace, debug, info, warn or error
    LogFormat log_format = LogFormat::kText;
    ProviderConfig provider;
};

struct HomeLayout {
    std::filesystem::path root;
    std::filesystem::path config() const { return root / "config.json"; }
    std::filesystem::path genesis() const { return root / "genesis.bin"; }
    std::filesystem::path keys() const { return root / "keys"; }
    std::filesystem::path ledger() const { return root / "ledger"; }
    std::filesystem::path engine() const { return root / "engine"; }
    std::filesystem::path snapshots() const { return root / "snapshots"; }
    std::filesystem::path blobs() const { return root / "blobs"; }
    std::filesystem::path work() const { return root / "work"; }
    std::filesystem::path uploads() const { return root / "uploads"; }
    std::filesystem::path cookie() const { return root / "rpc.cookie"; }
    std::filesystem::path tokens() const { return root / "tokens.json"; }
    std::filesystem::path log() const { return root / "node.log"; }
};

Result<NodeConfig> load_config(const std::filesystem::path& file);
// A provider's announce, or else its peerHost, goes to the ledger as its endpoint: refused when
// nobody can connect to it.
Status check_announced(const NodeConfig& config);
// The port of a host:port that load_config has checked.
uint16_t port_of(const std::string& endpoint);
Status save_config(const NodeConfig& config, const std::filesystem::path& file);

}  // namespace assay::node
