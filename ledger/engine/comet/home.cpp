#include "ledger/engine/comet/home.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>

#include "ledger/codec/block.h"
#include "ledger/crypto/base64.h"
#include "ledger/state/durable_file.h"

namespace assay::ledger::comet {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// A double vote is punished for so long after it. A light client must not trust a validator set for
// longer than its members can be punished: two thirds of it.
constexpr uint64_t kEvidenceHours = 48;
constexpr uint64_t kTrustHours = kEvidenceHours * 2 / 3;
constexpr uint64_t kNanosPerHour = 3600ULL * 1'000'000'000;

std::string upper_hex(ByteView bytes) {
    std::string text = to_hex(bytes);
    for (char& c : text) c = c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c;
    return text;
}

json private_key(const Ed25519Key& key) {
    Bytes both(key.seed.begin(), key.seed.end());
    both.insert(both.end(), key.public_key.begin(), key.public_key.end());
    return {{"type", "tendermint/PrivKeyEd25519"}, {"value", to_base64(both)}};
}

json public_key(ByteView key) {
    return {{"type", "tendermint/PubKeyEd25519"}, {"value", to_base64(key)}};
}

// RFC 3339 with milliseconds, from Unix milliseconds.
std::string time_text(uint64_t ms) {
    const auto seconds = static_cast<time_t>(ms / 1000);
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    std::array<char, 40> text{};
    const size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S.", &parts);
    const std::string rest = std::to_string(1000 + ms % 1000).substr(1);
    return std::string(text.data(), size) + rest + "Z";
}

json genesis_document(const pb::Genesis& genesis) {
    json validators = json::array();
    for (const pb::GenesisValidator& v : genesis.validators()) {
        const auto key = view_of(v.consensus_key());
        validators.push_back({{"address", upper_hex(ed25519_address(key))},
                              {"pub_key", public_key(key)},
                              {"power", std::to_string(v.power())},
                              {"name", ""}});
    }
    // The engine's first block has the genesis time; ours must be above the genesis document's.
    return {{"genesis_time", time_text(genesis.time_ms() + 1)},
            {"chain_id", genesis.chain_id()},
            {"initial_height", "1"},
            {"consensus_params",
             {{"block", {{"max_bytes", std::to_string(kMaxBlockTxBytes)}, {"max_gas", "-1"}}},
              {"evidence",
               {{"max_age_num_blocks", "100000"},
                {"max_age_duration", std::to_string(kEvidenceHours * kNanosPerHour)},
                {"max_bytes", "65536"}}},
              {"validator", {{"pub_key_types", {"ed25519"}}}},
              {"version", {{"app", std::to_string(genesis.app_version())}}},
              {"abci", {{"vote_extensions_enable_height", "0"}}}}},
            {"validators", validators},
            {"app_hash", ""}};
}

// A TOML basic string.
std::string quoted(const std::string& text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        if (static_cast<unsigned char>(c) >= 0x20) out += c;
    }
    return out + "\"";
}

std::string joined(const std::vector<std::string>& parts) {
    std::string out;
    for (const std::string& part : parts) out += (out.empty() ? "" : ",") + part;
    return out;
}

std::string milliseconds(uint32_t ms) {
    return quoted(std::to_string(ms) + "ms");
}

// Two light clients at least, says the engine: one server is asked twice. That is enough where the
// network is one's own; elsewhere a second server must speak for another operator.
std::string state_sync_section(const StateSync& sync) {
    if (sync.servers.empty()) return {};
    std::vector<std::string> servers = sync.servers;
    if (servers.size() == 1) servers.push_back(servers.front());
    return "\n[statesync]\nenable = true\nrpc_servers = " + quoted(joined(servers)) +
           "\ntrust_height = " + std::to_string(sync.trust_height) +
           "\ntrust_hash = " + quoted(sync.trust_hash) +
           "\ntrust_period = " + quoted(std::to_string(kTrustHours) + "h") +
           "\ndiscovery_time = \"5s\"\nchunk_request_timeout = \"60s\"\n";
}

// While a snapshot comes in, people want to see it come.
std::string log_level(const StateSync& sync) {
    return sync.servers.empty() ? "error" : "statesync:info,light:info,*:error";
}

// What is not set keeps the engine's default.
std::string config_document(const EngineConfig& c) {
    const std::string app = "unix://" + app_socket(c.home).string();
    const std::string rpc = "unix://" + rpc_socket(c.home).string() +
                            (c.rpc_listen.empty() ? "" : ",tcp://" + c.rpc_listen);
    return "# Written at every start from the node's config.json.\n"
           "proxy_app = " +
           quoted(app) + "\nabci = \"socket\"\nmoniker = " + quoted(c.moniker) +
           "\nlog_format = \"json\"\nlog_level = " + quoted(log_level(c.state_sync)) +
           "\n"
           "db_backend = \"goleveldb\"\n\n[rpc]\nladdr = " +
           quoted(rpc) + "\n\n[p2p]\nladdr = " +
           quoted("tcp://" + c.p2p_host + ":" + std::to_string(c.p2p_port)) +
           "\npersistent_peers = " + quoted(joined(c.peers)) +
           "\naddr_book_strict = false\nallow_duplicate_ip = true\n"
           "flush_throttle_timeout = \"10ms\"\nsend_rate = 20480000\nrecv_rate = 20480000\n"
           "\n[mempool]\nsize = 5000\ncache_size = 20000\nmax_tx_bytes = 1048576\n"
           "\n[consensus]\ntimeout_commit = " +
           milliseconds(c.block_interval_ms) +
           "\npeer_gossip_sleep_duration = \"10ms\"\n"
           "create_empty_blocks = true\ncreate_empty_blocks_interval = " +
           milliseconds(c.heartbeat_ms) + "\n\n[tx_index]\nindexer = \"null\"\n" +
           state_sync_section(c.state_sync);
}

}  // namespace

fs::path app_socket(const fs::path& home) {
    return home / "app.sock";
}
fs::path rpc_socket(const fs::path& home) {
    return home / "rpc.sock";
}

Result<EngineIdentity> create_identity(const fs::path& home) {
    const fs::path validator = home / "config" / "priv_validator_key.json";
    if (fs::exists(validator))
        return fail(Code::kAlreadyExists, validator.string() + " exists: it is never replaced");
    ASSAY_ASSIGN(const Ed25519Key node_key, new_ed25519_key());
    ASSAY_ASSIGN(const Ed25519Key validator_key, new_ed25519_key());
    ASSAY_RETURN_IF_ERROR(write_durably(home / "config" / "node_key.json",
                                        json{{"priv_key", private_key(node_key)}}.dump(2) + "\n",
                                        0600));
    ASSAY_RETURN_IF_ERROR(
        write_durably(home / "data" / "priv_validator_state.json",
                      json{{"height", "0"}, {"round", 0}, {"step", 0}}.dump(2) + "\n", 0600));
    const json key = {{"address", upper_hex(ed25519_address(validator_key.public_key))},
                      {"pub_key", public_key(validator_key.public_key)},
                      {"priv_key", private_key(validator_key)}};
    ASSAY_RETURN_IF_ERROR(write_durably(validator, key.dump(2) + "\n", 0600));
    return EngineIdentity{to_hex(ed25519_address(node_key.public_key)), validator_key.public_key};
}

Result<Ed25519Public> consensus_key(const fs::path& home) {
    const fs::path file = home / "config" / "priv_validator_key.json";
    std::ifstream in(file);
    if (!in)
        return fail(Code::kNotFound, "no validator key at " + file.string() +
                                         ". Remedy: a home made by assay init --engine cometbft, "
                                         "or with --engine-peer");
    const json document = json::parse(in, nullptr, false);
    const json::json_pointer where("/pub_key/value");
    Ed25519Public key;
    const auto bytes =
        document.is_object() && document.contains(where) && document.at(where).is_string()
            ? from_base64(document.at(where).get<std::string>())
            : std::nullopt;
    if (!bytes || bytes->size() != key.size())
        return fail(Code::kCorrupt, file.string() + ": pub_key.value is no Ed25519 key");
    std::copy(bytes->begin(), bytes->end(), key.begin());
    return key;
}

Status write_config(const EngineConfig& config, const pb::Genesis& genesis) {
    if (genesis.validators_size() == 0)
        return fail(Code::kInvalidArgument,
                    "the genesis names no validators: its blocks come from one producer, not from "
                    "CometBFT. Remedy: \"engine\": \"follower\" in config.json");
    ASSAY_RETURN_IF_ERROR(
        write_durably(config.home / "config" / "config.toml", config_document(config), 0644));
    return write_durably(config.home / "config" / "genesis.json",
                         genesis_document(genesis).dump(2) + "\n", 0644);
}

}  // namespace assay::ledger::comet
