// node_createToken, node_revokeToken, node_listTokens: who may use this node's RPC.
#include <nlohmann/json.hpp>

#include "node/rpc/methods.h"

namespace assay::node {
namespace {

using nlohmann::json;

Result<Auth*> table_of(const MethodEnv& env) {
    if (env.auth == nullptr) return fail(Code::kUnsupported, "this node keeps no tokens");
    return env.auth;
}

Result<json> create(const MethodEnv& env, const json& params) {
    ASSAY_ASSIGN(Auth * auth, table_of(env));
    const auto role = role_from_name(params["role"].get<std::string>());
    ASSAY_ASSIGN(const auto token, auth->create_token(params["name"], role.value_or(Role::kNone)));
    return json{{"name", params["name"]}, {"role", params["role"]}, {"token", token}};
}

Result<json> revoke(const MethodEnv& env, const json& params) {
    ASSAY_ASSIGN(Auth * auth, table_of(env));
    ASSAY_RETURN_IF_ERROR(auth->revoke_token(params["name"]));
    return json{{"name", params["name"]}};
}

Result<json> list(const MethodEnv& env) {
    ASSAY_ASSIGN(const Auth* auth, table_of(env));
    json tokens = json::array();
    for (const Auth::TokenInfo& token : auth->tokens())
        tokens.push_back({{"name", token.name}, {"role", role_name(token.role)}});
    return json{{"tokens", std::move(tokens)}};
}

Param name_param() {
    return {.name = "name",
            .required = true,
            .description = "what the token is for",
            .format = Format::kName};
}

}  // namespace

void add_token_methods(std::vector<Method>& methods, const MethodEnv& env) {
    methods.push_back({.name = "node_createToken",
                       .summary = "Creates a bearer token; the node keeps its hash only.",
                       .params = {name_param(),
                                  {.name = "role",
                                   .required = true,
                                   .description = "what it may do",
                                   .choices = {"read", "spend", "admin"}}},
                       .result = "name, role, token (shown this once)",
                       .example = R"({"name":"billing","role":"spend"})",
                       .role = Role::kAdmin,
                       .handler = [env](const json& p, CallContext&) { return create(env, p); }});
    methods.push_back({.name = "node_listTokens",
                       .summary = "Names and roles of the tokens.",
                       .result = "tokens [{name, role}]",
                       .example = "{}",
                       .role = Role::kAdmin,
                       .handler = [env](const json&, CallContext&) { return list(env); }});
    methods.push_back({.name = "node_revokeToken",
                       .summary = "Ends a token.",
                       .params = {name_param()},
                       .result = "name",
                       .example = R"({"name":"billing"})",
                       .role = Role::kAdmin,
                       .handler = [env](const json& p, CallContext&) { return revoke(env, p); }});
}

}  // namespace assay::node
