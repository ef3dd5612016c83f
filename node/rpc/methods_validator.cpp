// validator_*: who orders the blocks under CometBFT.
#include <nlohmann/json.hpp>
#include <set>

#include "contracts/transactions.h"
#include "contracts/validators.h"
#include "ledger/codec/block.h"
#include "ledger/crypto/address_text.h"
#include "node/rpc/methods.h"
#include "node/rpc/records.h"
#include "node/rpc/values.h"

namespace assay::node {
namespace {

using contracts::TxType;
using nlohmann::json;

Result<json> list_validators(const Services& services, const json& params) {
    ASSAY_ASSIGN(const auto point, read_point(services));
    const contracts::Reader reader(*point.view);
    std::set<std::string> in_set;
    const pb::ValidatorSet set = reader.validator_set();
    for (const pb::Validator& validator : set.validators())
        in_set.insert(validator.consensus_key());
    Page page(params);
    contracts::for_each_ranked(
        reader, [&](const ledger::Address& owner, const pb::Stake& stake, uint64_t power) {
            return page.offer([&] {
                return json{{"operator", ledger::address_text(owner)},
                            {"consensusKey", hex_bytes(view_of(stake.consensus_key()))},
                            {"power", std::to_string(power)},
                            {"inSet", in_set.contains(stake.consensus_key())}};
            });
        });
    return with_point(page.answer("validators"), point);
}

Result<json> register_validator(const MethodEnv& env, const json& params, CallContext& context) {
    pb::ValidatorRegister payload;
    payload.set_consensus_key(std::string(text_of(hash_param(params, "consensusKey").view())));
    return env.submitter->sign_and_submit(params, static_cast<uint32_t>(TxType::kValidatorRegister),
                                          payload, context);
}

Result<json> signal_upgrade(const MethodEnv& env, const json& params, CallContext& context) {
    const auto version = params["version"].get<uint64_t>();
    // Whoever signals says that this program knows the rules.
    if (version > ledger::kAppVersion)
        return fail(Code::kUnsupported,
                    "parameter version: this program knows rules up to version " +
                        std::to_string(ledger::kAppVersion) + ", not " + std::to_string(version) +
                        ". Remedy: first run the assay release for them");
    pb::UpgradeSignal payload;
    payload.set_version(static_cast<uint32_t>(version));
    return env.submitter->sign_and_submit(params, static_cast<uint32_t>(TxType::kUpgradeSignal),
                                          payload, context);
}

void add_upgrade_method(std::vector<Method>& methods, const MethodEnv& env) {
    methods.push_back(
        {.name = "validator_signalUpgrade",
         .summary = "Says that this node's program knows the next version of the "
                    "rules: by the producer, or as a validator.",
         .params =
             with_signing({{.name = "version",
                            .type = JsonType::kInteger,
                            .required = true,
                            .description = "the next version; the present one takes it back"}}),
         .result = std::string(kSubmittedResult),
         .example = R"({"version":3})",
         .role = Role::kSpend,
         .handler = [env](const json& p, CallContext& c) { return signal_upgrade(env, p, c); }});
}

}  // namespace

void add_validator_methods(std::vector<Method>& methods, const MethodEnv& env) {
    const Services& services = *env.services;
    methods.push_back({.name = "validator_list",
                       .summary = "Operators whose bond is voting power, most power first; inSet: "
                                  "among those who order the blocks (two blocks later).",
                       .params = page_params(),
                       .result = "validators, nextOffset (null at the end), height, appHash",
                       .example = R"({"limit":10})",
                       .handler = [&services](const json& p, CallContext&) {
                           return list_validators(services, p);
                       }});
    methods.push_back(
        {.name = "validator_register",
         .summary = "Makes the bond of a node-held key voting power, under the engine's key.",
         .params = with_signing({{.name = "consensusKey",
                                  .required = true,
                                  .description = "the engine's Ed25519 public key",
                                  .format = Format::kHash}}),
         .result = std::string(kSubmittedResult),
         .example =
             R"({"consensusKey":"0x1111111111111111111111111111111111111111111111111111111111111111"})",
         .role = Role::kSpend,
         .handler = [env](const json& p, CallContext& c) {
             return register_validator(env, p, c);
         }});
    methods.push_back({.name = "validator_leave",
                       .summary = "Gives up the voting power of a node-held key; the bond stays.",
                       .params = signing_params(),
                       .result = std::string(kSubmittedResult),
                       .example = R"({"key":"node"})",
                       .role = Role::kSpend,
                       .handler = [env](const json& p, CallContext& c) {
                           return env.submitter->sign_and_submit(
                               p, static_cast<uint32_t>(TxType::kValidatorLeave),
                               pb::ValidatorLeave{}, c);
                       }});
    add_upgrade_method(methods, env);
}

}  // namespace assay::node
