// RpcClient: CometBFT's JSON-RPC over the unix socket that the node gives it.
//
// Connections are kept and used again. Ownership: values. Threads: callable from any thread.
// Errors: kUnavailable while the engine does not answer; kRejected with the engine's words when it
// answers with an error; kCorrupt for an answer that is no JSON-RPC response.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "base/result.h"

namespace assay::ledger::comet {

class RpcClient {
public:
    explicit RpcClient(std::string socket_path);
    ~RpcClient();
    // The `result` of the answer. kUnavailable also where none comes within 5 s.
    Result<nlohmann::json> call(const std::string& method, const nlohmann::json& params);

private:
    struct Connection;
    struct Pool;
    Result<std::string> exchange(const std::string& body);
    const std::string path_;
    std::unique_ptr<Pool> pool_;
};

}  // namespace assay::ledger::comet
