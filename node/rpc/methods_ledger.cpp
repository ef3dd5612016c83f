#include <nlohmann/json.hpp>

#include "contracts/store.h"
#include "ledger/codec/block.h"
#include "ledger/codec/canonical.h"
#include "node/rpc/methods.h"
#include "node/rpc/proto_json.h"
#include "node/rpc/values.h"

namespace assay::node {
namespace {

using contracts::Reader;
using nlohmann::json;

constexpr uint64_t kMaxScannedBlocks = 10'000;  // one ledger_getEvents
constexpr uint64_t kMaxEvents = 1000;
constexpr uint64_t kDefaultEvents = 100;
constexpr int kMaxGenesisAccountsShown = 1000;
constexpr size_t kMaxEventTypes = 32;

Result<json> get_status(const Services& services) {
    ASSAY_ASSIGN(const auto point, read_point(services));
    const Reader reader(*point.view);
    json snapshots = json::array();
    for (const auto& snapshot : services.application.list_snapshots())
        snapshots.push_back(integer_json(snapshot.height));
    json answer = {{"chainId", services.engine.genesis().chain_id()},
                   {"headHash", hash_text(services.engine.head_hash())},
                   {"lowestHeight", integer_json(services.engine.lowest_height())},
                   {"snapshotHeights", std::move(snapshots)},
                   {"appVersion", services.application.info().app_version},
                   {"upgrade", nullptr},
                   {"mempoolSize", services.engine.mempool_size()},
                   {"failure", services.engine.failure()},
                   {"totals", message_to_json(reader.totals())},
                   {"params", message_to_json(reader.params())}};
    if (const auto upgrade = reader.upgrade(); upgrade && upgrade->height() > point.height)
        answer["upgrade"] = {{"version", upgrade->version()},
                             {"height", integer_json(upgrade->height())}};
    if (const auto block = services.engine.block(point.height); block.ok())
        answer["timeMs"] = integer_json(block->block.header().time_ms());
    return with_point(std::move(answer), point);
}

Result<json> get_block(const MethodEnv& env, const json& params) {
    ASSAY_ASSIGN(const auto point, read_point(*env.services));
    const uint64_t height = params.value("height", point.height);
    if (height == 0 || height > env.blocks->head())
        return fail(Code::kNotFound, "no block " + std::to_string(height) + "; the head is " +
                                         std::to_string(env.blocks->head()));
    ASSAY_ASSIGN(const auto block, env.blocks->at(height));
    json answer = {{"block", block_json(*block)}};
    if (params.value("events", false)) {
        json events = json::array();
        for (const pb::Event& event : block->events) events.push_back(event_json(event));
        answer["events"] = std::move(events);
    }
    if (params.value("raw", false)) {
        ASSAY_ASSIGN(const auto encoded, env.services->engine.encoded_block(height));
        answer["raw"] = hex_bytes(encoded);
        ASSAY_ASSIGN(const auto certificate, env.services->engine.certificate(height));
        if (!certificate.empty()) answer["certificate"] = hex_bytes(certificate);
        if (params.value("events", false)) {
            json raw_events = json::array();
            for (const pb::Event& event : block->events)
                raw_events.push_back(hex_bytes(ledger::encode_message(event)));
            answer["rawEvents"] = std::move(raw_events);
        }
    }
    return with_point(std::move(answer), point);
}

Result<json> get_genesis(const Services& services) {
    ASSAY_ASSIGN(const auto point, read_point(services));
    pb::Genesis genesis = services.engine.genesis();
    const int accounts = genesis.accounts_size();
    const Hash256 hash = ledger::genesis_hash(genesis);
    if (accounts > kMaxGenesisAccountsShown)
        genesis.mutable_accounts()->DeleteSubrange(kMaxGenesisAccountsShown,
                                                   accounts - kMaxGenesisAccountsShown);
    json answer = {{"genesis", message_to_json(genesis)},
                   {"genesisHash", hash_text(hash)},
                   {"accountCount", accounts}};
    return with_point(std::move(answer), point);
}

Result<EventFilter> event_filter(const json& params) {
    EventFilter filter;
    if (params.contains("jobId")) filter.job = hash_param(params, "jobId");
    const json types = params.value("types", json::array());
    if (types.size() > kMaxEventTypes)
        return fail(Code::kLimit, "parameter types: at most 32 event types");
    for (const json& type : types) {
        if (!type.is_string())
            return fail(Code::kInvalidArgument, "parameter types: expected strings");
        filter.types.push_back(type.get<std::string>());
    }
    return filter;
}

Result<json> get_events(const MethodEnv& env, const json& params) {
    ASSAY_ASSIGN(const auto point, read_point(*env.services));
    ASSAY_ASSIGN(const auto filter, event_filter(params));
    const uint64_t limit = params.value("limit", kDefaultEvents);
    uint64_t height = params.value("fromHeight", uint64_t{0});
    if (height == 0) height = env.services->engine.lowest_height();
    json events = json::array();
    // Whole blocks only, so that nextHeight goes on exactly where this ends.
    for (uint64_t scanned = 0; height <= point.height && scanned < kMaxScannedBlocks; ++scanned) {
        if (events.size() >= limit) break;
        ASSAY_ASSIGN(const auto block, env.blocks->at(height));
        for (const pb::Event& event : block->events)
            if (filter.matches(event)) events.push_back(event_json(event));
        ++height;
    }
    json answer = {{"events", std::move(events)}, {"nextHeight", integer_json(height)}};
    return with_point(std::move(answer), point);
}

Result<json> get_account(const Services& services, const json& params) {
    ASSAY_ASSIGN(const auto address, address_param(params, "address"));
    ASSAY_ASSIGN(const auto point, read_point(services));
    const pb::Account account = Reader(*point.view).account(address);
    json answer = message_to_json(account);
    answer["address"] = params["address"];
    answer["nextNonce"] = integer_json(services.engine.next_nonce(address));
    return with_point(std::move(answer), point);
}

Result<json> get_state(const Services& services, const json& params) {
    ledger::QueryRequest request;
    request.path = "state";
    request.data = from_hex(params["key"].get<std::string>()).value_or(Bytes{});
    request.height = params.value("atHeight", uint64_t{0});
    request.prove = params.value("prove", false);
    ASSAY_ASSIGN(const auto reply, services.application.query(request));
    json answer = {{"key", params["key"]},
                   {"value", reply.value ? json(hex_bytes(*reply.value)) : json(nullptr)},
                   {"height", integer_json(reply.height)},
                   {"appHash", hash_text(reply.app_hash)}};
    if (request.prove) answer["proof"] = hex_bytes(reply.proof);
    return answer;
}

Param types_param() {
    return {.name = "types",
            .type = JsonType::kArray,
            .description =
                "event types such as \"task.assigned\", or prefixes such as \"job.\"; "
                "all by default"};
}
Param job_filter_param() {
    return {.name = "jobId", .description = "only events of this job", .format = Format::kHash};
}

Result<json> subscribe(const MethodEnv& env, const json& params, CallContext& context) {
    if (context.subscriber == nullptr)
        return fail(Code::kUnsupported,
                    "subscriptions need a WebSocket: open one on the same port, or poll "
                    "ledger_getEvents");
    const std::string topic = params["topic"].get<std::string>();
    ASSAY_ASSIGN(auto filter, event_filter(params));
    if (topic == "job" && !filter.job)
        return fail(Code::kInvalidArgument, "parameter jobId is missing: topic job needs it");
    const uint64_t head = env.blocks->head();
    const uint64_t from = std::max<uint64_t>(params.value("fromHeight", head + 1), 1);
    auto cursor = std::make_unique<BlockCursor>(
        *env.blocks, topic == "blocks" ? Topic::kBlocks : Topic::kEvents, std::move(filter), from);
    ASSAY_ASSIGN(const auto id, context.subscriber->add(std::move(cursor)));
    return json(id);
}

}  // namespace

void add_ledger_methods(std::vector<Method>& methods, const MethodEnv& env) {
    const Services& services = *env.services;
    methods.push_back(
        {.name = "ledger_getStatus",
         .summary = "Head of the chain, totals of the money supply and chain parameters.",
         .result = "chainId, headHash, timeMs, lowestHeight (the first block that is here), "
                   "snapshotHeights (that new nodes may begin with), appVersion (of the rules of "
                   "the next block), upgrade (version and height of those decided for, or null), "
                   "mempoolSize, totals, params, failure (empty while healthy), height, appHash",
         .example = "{}",
         .handler = [&services](const json&, CallContext&) { return get_status(services); }});
    methods.push_back(
        {.name = "ledger_getBlock",
         .summary = "One block: header, hash, and each transaction's hash, result and fee.",
         .params = {{.name = "height",
                     .type = JsonType::kInteger,
                     .description = "the newest by default"},
                    {.name = "events",
                     .type = JsonType::kBoolean,
                     .description = "also list its events"},
                    {.name = "raw",
                     .type = JsonType::kBoolean,
                     .description = "also give its encoding, which the header hash and signature "
                                    "can be checked against (under CometBFT the certificate, with "
                                    "the validators' signatures); with events, theirs too"}},
         .result = "block {hash, header, signature, transactions, eventCount}, events, raw, "
                   "certificate, rawEvents, height, appHash",
         .example = R"({"height":1,"events":true})",
         .handler = [env](const json& p, CallContext&) { return get_block(env, p); }});
    methods.push_back(
        {.name = "ledger_getGenesis",
         .summary = "The genesis document and its hash.",
         .result = "genesis (the first 1000 accounts), genesisHash, accountCount, height, appHash",
         .example = "{}",
         .handler = [&services](const json&, CallContext&) { return get_genesis(services); }});
    methods.push_back(
        {.name = "ledger_getEvents",
         .summary = "Events in order, in whole blocks; go on from nextHeight.",
         .params = {{.name = "fromHeight",
                     .type = JsonType::kInteger,
                     .description = "first block; the first that is here by default"},
                    types_param(),
                    job_filter_param(),
                    {.name = "limit",
                     .type = JsonType::kInteger,
                     .description = "stop after the block that reaches this many; 100 by default",
                     .max = kMaxEvents}},
         .result = "events [{height, index, type, attributes}], nextHeight, height, appHash",
         .example = R"({"fromHeight":1,"types":["job."],"limit":10})",
         .handler = [env](const json& p, CallContext&) { return get_events(env, p); }});
    methods.push_back(
        {.name = "ledger_getAccount",
         .summary = "Balance and nonce of an address; an unknown address has zero of both.",
         .params = {{.name = "address",
                     .required = true,
                     .description = "account",
                     .format = Format::kAddress}},
         .result = "address, balance, nonce, nextNonce (counting the mempool), height, appHash",
         .example = R"({"address":"0x1111111111111111111111111111111111111111"})",
         .handler = [&services](const json& p, CallContext&) { return get_account(services, p); }});
    methods.push_back(
        {.name = "ledger_getState",
         .summary = "One raw value of the state tree by key, with its proof (docs/formats).",
         .params = {{.name = "key",
                     .required = true,
                     .description = "type tag byte, then the object's key",
                     .format = Format::kHex},
                    {.name = "prove",
                     .type = JsonType::kBoolean,
                     .description = "also give the inclusion or absence proof"},
                    {.name = "atHeight",
                     .type = JsonType::kInteger,
                     .description = "a past height that is still kept; the newest by default"}},
         .result = "key, value (null when absent), proof, height, appHash",
         .example = R"({"key":"0x02","prove":true})",
         .handler = [&services](const json& p, CallContext&) { return get_state(services, p); }});
}

void add_subscription_methods(std::vector<Method>& methods, const MethodEnv& env) {
    methods.push_back(
        {.name = "assay_subscribe",
         .summary = "Notifications assay_subscription over this WebSocket, in order and without "
                    "gaps, from any past height on.",
         .params = {{.name = "topic",
                     .required = true,
                     .description = "blocks, events, or the events of one job",
                     .choices = {"blocks", "events", "job"}},
                    {.name = "fromHeight",
                     .type = JsonType::kInteger,
                     .description = "first block to deliver; the next one by default"},
                    job_filter_param(),
                    types_param()},
         .result = "the subscription id; each notification carries {subscription, result} with a "
                   "block or an event",
         .example = R"({"topic":"job","jobId":")"
                    R"(0x2222222222222222222222222222222222222222222222222222222222222222",)"
                    R"("fromHeight":1})",
         .handler = [env](const json& p, CallContext& c) { return subscribe(env, p, c); }});
    methods.push_back({.name = "assay_unsubscribe",
                       .summary = "Ends a subscription of this WebSocket.",
                       .params = {{.name = "subscription",
                                   .required = true,
                                   .description = "the id that assay_subscribe gave"}},
                       .result = "true, or false if there was none",
                       .example = R"({"subscription":"0x1"})",
                       .handler = [](const json& p, CallContext& context) -> Result<json> {
                           if (context.subscriber == nullptr)
                               return fail(Code::kUnsupported, "subscriptions need a WebSocket");
                           return json(
                               context.subscriber->remove(p["subscription"].get<std::string>()));
                       }});
}

}  // namespace assay::node
