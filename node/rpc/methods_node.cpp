// node_*, audit_getProof and audit_getLogGrowth: this process, its peers, and proofs it serves.
#include <nlohmann/json.hpp>

#include "ledger/crypto/address_text.h"
#include "node/rpc/methods.h"
#include "node/rpc/values.h"

namespace assay::node {
namespace {

using nlohmann::json;

Result<json> get_info(const Services& services) {
    const ledger::AppInfo app = services.application.info();
    return json{{"version", services.info.version},
                {"mode", services.info.mode},
                {"moniker", services.info.moniker},
                {"address", ledger::address_text(services.info.address)},
                {"peerEndpoint", services.info.peer_endpoint},
                {"chainId", app.chain_id},
                {"appVersion", app.app_version},
                {"mempoolSize", services.engine.mempool_size()},
                {"failure", services.engine.failure()},
                {"height", integer_json(app.height)},
                {"appHash", hash_text(app.app_hash)}};
}

Result<json> get_peers(const Services& services) {
    json list = json::array();
    if (services.peers)
        for (const PeerStatus& peer : services.peers())
            list.push_back({{"endpoint", peer.endpoint},
                            {"connected", peer.connected},
                            {"error", peer.error}});
    return json{{"peers", std::move(list)}};
}

Result<json> get_proof(const Services& services, const json& params) {
    if (params.contains("key") == params.contains("eventIndex"))
        return fail(Code::kInvalidArgument,
                    "give either key (state) or eventIndex (event log), not both");
    ledger::QueryRequest request;
    request.prove = true;
    request.height = params.value("atHeight", uint64_t{0});
    if (params.contains("key")) {
        request.path = "state";
        request.data = from_hex(params["key"].get<std::string>()).value_or(Bytes{});
    } else {
        request.path = "log";
        append_be64(request.data, params["eventIndex"].get<uint64_t>());
    }
    ASSAY_ASSIGN(const auto reply, services.application.query(request));
    return json{{"path", request.path},
                {"key", hex_bytes(request.data)},
                {"value", reply.value ? json(hex_bytes(*reply.value)) : json(nullptr)},
                {"proof", hex_bytes(reply.proof)},
                {"height", integer_json(reply.height)},
                {"appHash", hash_text(reply.app_hash)}};
}

Result<json> get_log_growth(const Services& services, const json& params) {
    ASSAY_ASSIGN(const auto point, read_point(services));
    const uint64_t from = params["fromHeight"].get<uint64_t>();
    const uint64_t to = params.value("toHeight", point.height);
    if (from > to)
        return fail(Code::kInvalidArgument, "fromHeight " + std::to_string(from) +
                                                " is above toHeight " + std::to_string(to));
    ledger::QueryRequest request;
    request.prove = true;
    request.path = "growth";
    append_be64(request.data, from);
    request.height = to;
    ASSAY_ASSIGN(const auto reply, services.application.query(request));
    return json{{"fromHeight", integer_json(from)},
                {"proof", hex_bytes(reply.proof)},
                {"height", integer_json(reply.height)},
                {"appHash", hash_text(reply.app_hash)}};
}

}  // namespace

void add_audit_methods(std::vector<Method>& methods, const MethodEnv& env) {
    const Services& services = *env.services;
    add_lineage_method(methods, env);
    methods.push_back(
        {.name = "audit_getProof",
         .summary = "Proof that a state key has (or lacks) a value, or that an event is in the "
                    "log, against the app hash of a block header.",
         .params = {{.name = "key", .description = "state key", .format = Format::kHex},
                    {.name = "eventIndex",
                     .type = JsonType::kInteger,
                     .description = "position in the event log, from 0"},
                    {.name = "atHeight",
                     .type = JsonType::kInteger,
                     .description = "a past height that is still kept; the newest by default"}},
         .result = "path, key, value (null: proven absent), proof, height, appHash",
         .example = R"({"key":"0x02"})",
         .handler = [&services](const json& p, CallContext&) { return get_proof(services, p); }});
    methods.push_back(
        {.name = "audit_getLogGrowth",
         .summary = "Proof that the event log at a height is a prefix of the log at a later one, "
                    "against the app hashes of both: no event was changed or removed in between.",
         .params = {{.name = "fromHeight",
                     .type = JsonType::kInteger,
                     .required = true,
                     .description = "the earlier block"},
                    {.name = "toHeight",
                     .type = JsonType::kInteger,
                     .description = "the later block; the newest by default"}},
         .result = "fromHeight, proof (docs/formats/state.md), height and appHash of the later",
         .example = R"({"fromHeight":1})",
         .handler = [&services](const json& p, CallContext&) {
             return get_log_growth(services, p);
         }});
}

void add_node_methods(std::vector<Method>& methods, const MethodEnv& env) {
    const Services& services = *env.services;
    methods.push_back(
        {.name = "node_getInfo",
         .summary = "This node: version, mode, identity, chain, health.",
         .result = "version, mode, moniker, address, peerEndpoint, chainId, appVersion, "
                   "mempoolSize, failure (empty while healthy), height, appHash",
         .example = "{}",
         .handler = [&services](const json&, CallContext&) { return get_info(services); }});
    methods.push_back(
        {.name = "node_getPeers",
         .summary =
             "Peers of this node: those whose blocks it follows, or under CometBFT the engines "
             "that its own is connected to.",
         .result = "peers [{endpoint, connected, error}]",
         .example = "{}",
         .handler = [&services](const json&, CallContext&) { return get_peers(services); }});
}

}  // namespace assay::node
