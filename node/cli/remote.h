// The node a command talks to: --rpc, or the one whose home this is. The credential is
// $ASSAY_TOKEN, else the home's cookie, which goes to no other machine.
//
// Ownership: owns the connection. Threads: one. Errors: end the command through report.h.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/result.h"
#include "node/cli/globals.h"
#include "node/rpc/client.h"

namespace assay::node {

inline constexpr uint64_t kSpendTimeoutMs = 60'000;  // of calls that wait for a block

class Remote {
public:
    explicit Remote(const GlobalOptions& globals);
    // The result, or the end of the command.
    nlohmann::json call(const std::string& method, const nlohmann::json& params);
    nlohmann::json call(const std::string& method, const nlohmann::json& params,
                        uint64_t timeout_ms);
    Result<nlohmann::json> try_call(const std::string& method, const nlohmann::json& params);
    // Follows nextOffset to the end, or until `limit` items (0: all). The last reply with all the
    // items of `list`; its nextOffset is null when nothing is left out.
    nlohmann::json pages(const std::string& method, nlohmann::json params, const std::string& list,
                         uint64_t limit);

private:
    const GlobalOptions& globals_;
    std::unique_ptr<RpcClient> client_;
};

}  // namespace assay::node
