// Blocking JSON-RPC client over HTTP, for the command line and tests.
//
// Ownership: owns one connection at a time, kept alive between calls and reopened when the server
// closed it. Threads: one caller at a time. Errors: kUnavailable when nothing listens, kTimeout,
// kUnauthorized, and for an error reply the Code whose name the server sent, with its message and
// remedy.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/result.h"

namespace assay::node {

struct RpcEndpoint {
    std::string host = "127.0.0.1";  // an IP address or localhost
    uint16_t port = 0;
    std::string token{};  // bearer; empty: none
    uint64_t timeout_ms = 30'000;
};

// "127.0.0.1:7700", "http://localhost:7700", "[::1]:7700".
Result<RpcEndpoint> parse_endpoint(const std::string& text);

class RpcClient {
public:
    explicit RpcClient(RpcEndpoint endpoint);
    ~RpcClient();
    RpcClient(RpcClient&&) noexcept;

    // The result member of the reply. `params`: an object or array.
    Result<nlohmann::json> call(const std::string& method, const nlohmann::json& params);
    // With a timeout of its own, for calls that wait.
    Result<nlohmann::json> call(const std::string& method, const nlohmann::json& params,
                                uint64_t timeout_ms);

    struct RawReply {
        unsigned status = 0;
        std::string body;
    };
    // POST of any text; GET of a path.
    Result<RawReply> post(const std::string& body, uint64_t timeout_ms);
    Result<RawReply> get(const std::string& path, uint64_t timeout_ms);

private:
    struct Connection;
    RpcEndpoint endpoint_;
    std::unique_ptr<Connection> connection_;
    uint64_t last_id_ = 0;
};

}  // namespace assay::node
