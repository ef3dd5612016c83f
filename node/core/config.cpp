#include "node/core/config.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "compute/kernels/backend.h"

namespace assay::node {
namespace {

using nlohmann::json;

constexpr uint64_t kMaxConfigBytes = 1 << 20;

// One row a field: how to read it from JSON (throws json::exception on a wrong type) and write it
// back.
struct Field {
    std::function<void(const json&)> read;
    std::function<json()> write;
    std::string accepts;
};

template <typename T>
Field field(T& value, std::string accepts) {
    return {
        [&value](const json& j) {
            if constexpr (std::is_unsigned_v<T> && !std::is_same_v<T, bool>) {
                if (!j.is_number_unsigned() || j.get<uint64_t>() > std::numeric_limits<T>::max()) {
                    throw std::invalid_argument("range");
                }
            }
            value = j.get<T>();
        },
        [&value] { return json(value); }, std::move(accepts)};
}

// An enumeration by the names of its values, in order.
template <typename E>
Field choice(E& value, const std::vector<std::string>& names) {
    std::string accepts;
    for (const std::string& name : names)
        accepts += (accepts.empty() ? "\"" : ", \"") + name + "\"";
    return {[&value, names](const json& j) {
                const auto found = std::find(names.begin(), names.end(), j.get<std::string>());
                if (found == names.end()) throw std::invalid_argument("name");
                value = static_cast<E>(found - names.begin());
            },
            [&value, names] { return json(names[static_cast<size_t>(value)]); },
            "one of " + accepts};
}

using Fields = std::map<std::string, Field>;

Fields provider_fields(ProviderConfig& p) {
    return {
        {"enabled", field(p.enabled, "true or false")},
        {"moniker", field(p.moniker, "a name, up to 64 characters")},
        {"priceFloor", field(p.price_floor, "micro-units per work unit, at least 1")},
        {"capacity", field(p.capacity, "slots at a time, 1 to 64")},
        {"stake",
         field(p.stake,
               "micro-units to bond before registering, or 0 for the least that the chain asks")},
        {"backend", field(p.backend, "a compute backend, or empty for the best")},
        {"threads", field(p.threads, "threads per slot, 1 to 256")},
        {"devices", field(p.devices, "GPUs per slot, 1 to 64, or 0 for all")},
        {"fault", field(p.fault,
                        "empty; or for test networks wrong-result, silent, late, "
                        "copy-commit or crash")},
    };
}

Fields node_fields(NodeConfig& c) {
    Fields fields = {
        {"key", field(c.key, "a keyring entry")},
        {"rpcHost", field(c.rpc_host, "an address to listen on; 127.0.0.1 keeps it private")},
        {"rpcPort", field(c.rpc_port, "0 to 65535")},
        {"peerHost", field(c.peer_host, "an address to listen on")},
        {"announce", field(c.announce, "host:port, or empty for peerHost and peerPort")},
        {"peerPort", field(c.peer_port, "0 to 65535")},
        {"peers", field(c.peers, "a list of \"host:port\"")},
        {"blockIntervalMs", field(c.block_interval_ms, "milliseconds, at least 1")},
        {"heartbeatMs", field(c.heartbeat_ms, "milliseconds, at least 1")},
        {"cometbft", field(c.cometbft, "the cometbft program, or empty to look for it")},
        {"engineHost", field(c.engine_host, "an address for CometBFT to listen on")},
        {"enginePort", field(c.engine_port, "1 to 65535")},
        {"enginePeers", field(c.engine_peers, "a list of \"NODEID@host:port\"")},
        {"engineRpc", field(c.engine_rpc, "\"host:port\", or empty: closed")},
        {"snapshotInterval", field(c.snapshot_interval, "blocks, or 0 for no snapshots")},
        {"keepBlocks", field(c.keep_blocks, "blocks, at least 1000, or 0 for all")},
        {"stateSync", field(c.state_sync, "a list of \"host:port\"")},
        {"trustHeight", field(c.trust_height, "a height")},
        {"trustHash", field(c.trust_hash, "64 hexadecimal digits")},
        {"keepArtifacts", field(c.keep_artifacts, "true or false")},
        {"blobLimitMb", field(c.blob_limit_mb, "megabytes")},
        {"logLevel", field(c.log_level, "trace, debug, info, warn or error")},
    };
    fields["engine"] = choice(c.engine, {"producer", "follower", "cometbft"});
    fields["logFormat"] = choice(c.log_format, {"text", "json"});
    return fields;
}

// `nested`: the one field that is an object of its own, read apart.
Status read_fields(const json& object, const Fields& fields, const std::string& where,
                   std::string_view nested = {}) {
    if (!object.is_object()) return fail(Code::kInvalidArgument, where + " must be a JSON object");
    for (const auto& [name, value] : object.items()) {
        const auto it = fields.find(name);
        if (it == fields.end()) {
            if (name == nested) continue;
            return fail(Code::kInvalidArgument, where + ": unknown field '" + name +
                                                    "'. Remedy: remove it or correct its spelling");
        }
        try {
            it->second.read(value);
        } catch (const std::exception&) {
            return fail(Code::kInvalidArgument, where + ": field '" + name + "' is " +
                                                    value.dump().substr(0, 80) + "; it takes " +
                                                    it->second.accepts);
        }
    }
    return {};
}

json write_fields(const Fields& fields) {
    json object = json::object();
    for (const auto& [name, f] : fields) object[name] = f.write();
    return object;
}

Status check_ranges(const NodeConfig& c, const std::string& where) {
    const auto bad = [&](const std::string& text) {
        return fail(Code::kInvalidArgument, where + ": " + text);
    };
    if (c.block_interval_ms == 0 || c.heartbeat_ms == 0) {
        return bad("blockIntervalMs and heartbeatMs must be at least 1");
    }
    constexpr uint64_t kLeastBlocks = 1000;  // state proofs reach back so far
    if (c.keep_blocks != 0 && c.keep_blocks < kLeastBlocks)
        return bad("keepBlocks is " + std::to_string(c.keep_blocks) +
                   "; it takes 0 (all) or at least " + std::to_string(kLeastBlocks));
    if (c.keep_blocks != 0 && c.engine == EngineKind::kProducer)
        return bad(
            "keepBlocks: a producer keeps every block; its followers and audits have no other "
            "source");
    if (!c.announce.empty() && port_of(c.announce) == 0)
        return bad("announce is '" + c.announce +
                   "'; it takes host:port as others connect to it, or nothing");
    const auto trusted = hash_from_hex(c.trust_hash);
    if (!c.state_sync.empty() && (c.trust_height == 0 || !trusted)) {
        return bad(
            "stateSync needs trustHeight and trustHash, a block of this chain that you know from "
            "elsewhere. Remedy: assay ledger trust on a node that you trust");
    }
    // To the ledger an update with 0 means "as it is": the two would never agree.
    if (c.provider.price_floor == 0)
        return bad("provider.priceFloor is 0; it takes at least 1 micro-unit per work unit");
    if (c.provider.capacity == 0 || c.provider.capacity > 64) {
        return bad("provider.capacity is " + std::to_string(c.provider.capacity) +
                   "; it takes 1 to 64");
    }
    if (c.provider.threads == 0 || c.provider.threads > 256) {
        return bad("provider.threads is " + std::to_string(c.provider.threads) +
                   "; it takes 1 to 256");
    }
    if (c.provider.devices > compute::kMaxDevices) {
        return bad("provider.devices is " + std::to_string(c.provider.devices) +
                   "; it takes 0 to " + std::to_string(compute::kMaxDevices));
    }
    const auto is_one_of = [](const std::string& value, std::initializer_list<const char*> names) {
        return std::find(names.begin(), names.end(), value) != names.end();
    };
    if (!is_one_of(c.log_level, {"trace", "debug", "info", "warn", "error"})) {
        return bad("logLevel '" + c.log_level + "' is none of trace, debug, info, warn, error");
    }
    if (!is_one_of(c.provider.fault,
                   {"", "wrong-result", "silent", "late", "copy-commit", "crash"})) {
        return bad("provider.fault '" + c.provider.fault +
                   "' is none of wrong-result, silent, late, copy-commit, crash");
    }
    return {};
}

}  // namespace

Result<NodeConfig> load_config(const std::filesystem::path& file) {
    auto text = read_text(file, kMaxConfigBytes);
    if (!text.ok()) {
        if (text.error().code != Code::kNotFound) return text.error();
        return fail(Code::kNotFound, file.string() + " does not exist. Remedy: assay init --home " +
                                         file.parent_path().string());
    }
    json document;
    try {
        document = json::parse(*text);
    } catch (const json::exception& e) {
        return fail(Code::kInvalidArgument, file.string() + " is not JSON: " + e.what());
    }
    NodeConfig config;
    const auto fields = node_fields(config);
    ASSAY_RETURN_IF_ERROR(read_fields(document, fields, file.string(), "provider"));
    if (document.contains("provider")) {
        const auto provider = provider_fields(config.provider);
        ASSAY_RETURN_IF_ERROR(
            read_fields(document["provider"], provider, file.string() + ": provider"));
    }
    ASSAY_RETURN_IF_ERROR(check_ranges(config, file.string()));
    return config;
}

uint16_t port_of(const std::string& endpoint) {
    const auto colon = endpoint.rfind(':');
    if (colon == std::string::npos || colon == 0) return 0;
    uint16_t port = 0;
    const char* end = endpoint.data() + endpoint.size();
    const auto parsed = std::from_chars(endpoint.data() + colon + 1, end, port);
    return parsed.ec == std::errc() && parsed.ptr == end ? port : uint16_t{0};
}

Status check_announced(const NodeConfig& config) {
    const std::string& host = config.peer_host;
    if (!config.announce.empty()) return {};
    if (!host.empty() && host != "0.0.0.0" && host != "::" && host != "[::]") return {};
    return fail(Code::kInvalidArgument,
                "peerHost is '" + host +
                    "', which others cannot connect to, and a provider announces it on the "
                    "ledger. Remedy: in config.json this machine's own address, or as announce the "
                    "host:port by which others reach it");
}

Status save_config(const NodeConfig& config, const std::filesystem::path& file) {
    NodeConfig copy = config;
    json document = write_fields(node_fields(copy));
    document["provider"] = write_fields(provider_fields(copy.provider));
    return write_text(file, document.dump(2) + "\n", 0644);
}

}  // namespace assay::node
