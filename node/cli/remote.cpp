#include "node/cli/remote.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "node/cli/report.h"
#include "node/core/config.h"
#include "node/rpc/auth.h"
#include "node/rpc/http_guard.h"

namespace assay::node {

Remote::Remote(const GlobalOptions& globals) : globals_(globals) {
    RpcEndpoint endpoint;
    if (!globals.rpc.empty()) {
        endpoint = value_or_fail(globals, parse_endpoint(globals.rpc));
    } else {
        const auto config = value_or_fail(globals, load_config(HomeLayout{globals.home}.config()));
        endpoint.host = config.rpc_host;
        endpoint.port = config.rpc_port;
    }
    // The cookie rules this home's node, so another machine never sees it. Without one the node is
    // remote or down: reads may still work.
    if (globals.rpc.empty() || is_loopback(endpoint.host)) {
        if (auto cookie = read_cookie(globals.home); cookie.ok()) endpoint.token = *cookie;
    }
    if (const char* token = std::getenv("ASSAY_TOKEN"); token && *token) endpoint.token = token;
    client_ = std::make_unique<RpcClient>(endpoint);
}

nlohmann::json Remote::call(const std::string& method, const nlohmann::json& params) {
    return value_or_fail(globals_, client_->call(method, params));
}

nlohmann::json Remote::call(const std::string& method, const nlohmann::json& params,
                            uint64_t timeout_ms) {
    return value_or_fail(globals_, client_->call(method, params, timeout_ms));
}

nlohmann::json Remote::pages(const std::string& method, nlohmann::json params,
                             const std::string& list, uint64_t limit) {
    constexpr uint64_t kPageItems = 500;
    nlohmann::json items = nlohmann::json::array();
    for (;;) {
        params["limit"] =
            limit == 0 ? kPageItems : std::min<uint64_t>(kPageItems, limit - items.size());
        auto reply = call(method, params);
        for (auto& item : reply.at(list)) items.push_back(std::move(item));
        const auto next = reply.value("nextOffset", nlohmann::json());
        if (next.is_null() || (limit != 0 && items.size() >= limit)) {
            reply[list] = std::move(items);
            return reply;
        }
        params["offset"] = next;
    }
}

Result<nlohmann::json> Remote::try_call(const std::string& method, const nlohmann::json& params) {
    return client_->call(method, params);
}

}  // namespace assay::node
