// provider_*, stake_* and bank_*: who works, with which stake, and moving money.
#include <nlohmann/json.hpp>

#include "contracts/reputation.h"
#include "contracts/store.h"
#include "contracts/transactions.h"
#include "node/rpc/market_view.h"
#include "node/rpc/methods.h"
#include "node/rpc/proto_json.h"
#include "node/rpc/records.h"
#include "node/rpc/values.h"

namespace assay::node {
namespace {

using contracts::Reader;
using contracts::TxType;
using nlohmann::json;

Param address_of(const std::string& name, const std::string& description) {
    return {.name = name, .required = true, .description = description, .format = Format::kAddress};
}
Param amount_of(const std::string& description) {
    return {
        .name = "amount", .required = true, .description = description, .format = Format::kAmount};
}

Result<json> get_provider(const Services& services, const json& params) {
    ASSAY_ASSIGN(const auto address, address_param(params, "operator"));
    ASSAY_ASSIGN(const auto point, read_point(services));
    const auto provider = Reader(*point.view).provider(address);
    if (!provider)
        return fail(Code::kNotFound, "no provider " + params["operator"].get<std::string>() +
                                         " at height " + std::to_string(point.height) +
                                         "; provider_list names them");
    return with_point(provider_json(Reader(*point.view), *provider), point);
}

Result<json> list_providers(const Services& services, const json& params) {
    ASSAY_ASSIGN(const auto point, read_point(services));
    const Reader reader(*point.view);
    const bool active_only = params.value("activeOnly", false);
    Page page(params);
    for_each_provider(*point.view, [&](const pb::Provider& provider) {
        if (active_only && (!provider.active() || provider.suspended())) return true;
        return page.offer([&] { return provider_json(reader, provider); });
    });
    return with_point(page.answer("providers"), point);
}

Result<json> get_stake(const Services& services, const json& params) {
    ASSAY_ASSIGN(const auto address, address_param(params, "operator"));
    ASSAY_ASSIGN(const auto point, read_point(services));
    const auto stake = Reader(*point.view).stake(address);
    json answer = {{"operator", params["operator"]},
                   {"stake", message_to_json(stake.value_or(pb::Stake{}))}};
    return with_point(std::move(answer), point);
}

// What the node works on now, and how long its windows still stand by the newest block's time.
Result<json> get_slots(const Services& services) {
    if (!services.slots)
        return fail(Code::kUnsupported,
                    "this node is no provider. Remedy: ask a node that runs `assay provider run`");
    ASSAY_ASSIGN(const auto point, read_point(services));
    ASSAY_ASSIGN(const uint64_t now_ms, header_time_ms(services, point));
    json list = json::array();
    for (const SlotView& slot : services.slots()) {
        char loss[32];
        std::snprintf(loss, sizeof loss, "%.6f", slot.loss);
        const uint64_t left_ms = slot.due_ms - std::min(slot.due_ms, now_ms);
        list.push_back({{"taskId", "0x" + slot.task_id},
                        {"phase", slot.phase},
                        {"error", slot.error},
                        {"dueMs", slot.due_ms == 0 ? json(nullptr) : integer_json(slot.due_ms)},
                        {"secondsLeft", slot.due_ms == 0 ? json(nullptr) : json(left_ms / 1000)},
                        {"localStep", integer_json(slot.local_step)},
                        {"localSteps", integer_json(slot.local_steps)},
                        {"loss", slot.local_step == 0 ? json(nullptr) : json(loss)}});
    }
    return with_point({{"slots", std::move(list)}}, point);
}

Result<json> update_provider(const MethodEnv& env, const json& params, CallContext& context) {
    // The transaction replaces all four fields: what is not given keeps its value.
    if (!env.services->key_address)
        return fail(Code::kUnsupported, "this node holds no keys: use tx_submit");
    ASSAY_ASSIGN(const auto address, env.services->key_address(params.value("key", "node")));
    ASSAY_ASSIGN(const auto point, read_point(*env.services));
    const auto provider = Reader(*point.view).provider(address);
    if (!provider)
        return fail(Code::kNotFound,
                    "the key's address is no provider: register it first with "
                    "`assay provider run`");
    pb::ProviderUpdate update;
    update.set_endpoint(params.value("endpoint", provider->endpoint()));
    update.set_capacity(params.value("capacity", provider->capacity()));
    update.set_active(params.value("active", provider->active()));
    update.set_price_floor(provider->price_floor());
    if (params.contains("priceFloor")) {
        ASSAY_ASSIGN(const uint64_t floor, amount_param(params, "priceFloor"));
        update.set_price_floor(floor);
    }
    return env.submitter->sign_and_submit(params, static_cast<uint32_t>(TxType::kProviderUpdate),
                                          update, context);
}

template <typename Payload>
Result<json> send_amount(const MethodEnv& env, const json& params, TxType type, Payload payload,
                         CallContext& context) {
    ASSAY_ASSIGN(const uint64_t amount, amount_param(params, "amount"));
    payload.set_amount(amount);
    return env.submitter->sign_and_submit(params, static_cast<uint32_t>(type), payload, context);
}

Result<json> transfer(const MethodEnv& env, const json& params, CallContext& context) {
    ASSAY_ASSIGN(const auto to, address_param(params, "to"));
    pb::Transfer payload;
    payload.set_to(contracts::to_raw(to));
    return send_amount(env, params, TxType::kTransfer, std::move(payload), context);
}

}  // namespace

void add_provider_methods(std::vector<Method>& methods, const MethodEnv& env) {
    const Services& services = *env.services;
    methods.push_back(
        {.name = "provider_get",
         .summary = "One provider: its bid, measured score, stake, reputation and earnings.",
         .params = {address_of("operator", "its address")},
         .result = "the provider with score, bonded, free, jailed, tombstoned, stake, reputation, "
                   "height, "
                   "appHash",
         .example = R"({"operator":"0x1111111111111111111111111111111111111111"})",
         .handler = [&services](const json& p, CallContext&) {
             return get_provider(services, p);
         }});
    std::vector<Param> list_params = {{.name = "activeOnly",
                                       .type = JsonType::kBoolean,
                                       .description = "leave out draining and suspended ones"}};
    for (Param& param : page_params()) list_params.push_back(std::move(param));
    methods.push_back({.name = "provider_list",
                       .summary = "Every registered provider, in address order.",
                       .params = std::move(list_params),
                       .result = "providers, nextOffset (null at the end), height, appHash",
                       .example = R"({"limit":10})",
                       .handler = [&services](const json& p, CallContext&) {
                           return list_providers(services, p);
                       }});
    methods.push_back(
        {.name = "provider_getSlots",
         .summary = "What this node's own provider works on: each live slot's phase, step, loss "
                    "and deadline.",
         .result = "slots [{taskId, phase (fetching, training, done, failed), error, dueMs, "
                   "secondsLeft, localStep, localSteps, loss}], height, appHash",
         .example = "{}",
         .handler = [&services](const json&, CallContext&) { return get_slots(services); }});
    methods.push_back(
        {.name = "provider_update",
         .summary = "Changes the bid of the provider behind a node-held key; what is not given "
                    "stays.",
         .params =
             with_signing({{.name = "priceFloor",
                            .description = "micro-units per work unit",
                            .format = Format::kAmount},
                           {.name = "capacity",
                            .type = JsonType::kInteger,
                            .description = "slots at a time",
                            .max = UINT32_MAX},
                           {.name = "endpoint", .description = "host:port of its peer service"},
                           {.name = "active",
                            .type = JsonType::kBoolean,
                            .description = "false drains; true also ends a suspension"}}),
         .result = std::string(kSubmittedResult),
         .example = R"({"priceFloor":"900","active":true})",
         .role = Role::kSpend,
         .handler = [env](const json& p, CallContext& c) { return update_provider(env, p, c); }});
}

void add_stake_methods(std::vector<Method>& methods, const MethodEnv& env) {
    const Services& services = *env.services;
    const std::string submitted(kSubmittedResult);
    methods.push_back(
        {.name = "stake_get",
         .summary = "Stake of an operator: bonded, locked in slots, unbonding, jail and slashes.",
         .params = {address_of("operator", "its address")},
         .result = "operator, stake, height, appHash",
         .example = R"({"operator":"0x1111111111111111111111111111111111111111"})",
         .handler = [&services](const json& p, CallContext&) { return get_stake(services, p); }});
    methods.push_back({.name = "stake_bond",
                       .summary = "Bonds stake of a node-held key.",
                       .params = with_signing({amount_of("micro-units to bond")}),
                       .result = submitted,
                       .example = R"({"amount":"1000000"})",
                       .role = Role::kSpend,
                       .handler = [env](const json& p, CallContext& c) {
                           return send_amount(env, p, TxType::kStakeBond, pb::StakeBond{}, c);
                       }});
    methods.push_back({.name = "stake_unbond",
                       .summary = "Starts to unbond free stake of a node-held key; it is paid out "
                                  "after the chain's delay.",
                       .params = with_signing({amount_of("micro-units to unbond")}),
                       .result = submitted,
                       .example = R"({"amount":"1000000"})",
                       .role = Role::kSpend,
                       .handler = [env](const json& p, CallContext& c) {
                           return send_amount(env, p, TxType::kStakeUnbond, pb::StakeUnbond{}, c);
                       }});
    methods.push_back(
        {.name = "stake_unjail",
         .summary = "Ends the jail of a node-held key once its time is over; the provider is "
                    "offered slots again.",
         .params = with_signing({}),
         .result = submitted,
         .example = "{}",
         .role = Role::kSpend,
         .handler = [env](const json& p, CallContext& c) {
             return env.submitter->sign_and_submit(p, static_cast<uint32_t>(TxType::kStakeUnjail),
                                                   pb::StakeUnjail{}, c);
         }});
    methods.push_back(
        {.name = "bank_transfer",
         .summary = "Sends money from a node-held key.",
         .params = with_signing({address_of("to", "recipient"), amount_of("micro-units to send")}),
         .result = submitted,
         .example = R"({"to":"0x1111111111111111111111111111111111111111","amount":"5"})",
         .role = Role::kSpend,
         .handler = [env](const json& p, CallContext& c) { return transfer(env, p, c); }});
}

}  // namespace assay::node
