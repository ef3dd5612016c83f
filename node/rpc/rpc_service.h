// The RPC of one node, put together: methods over services, the server, tokens, new-block wake-ups.
//
// Ownership: borrows the engine and application inside `services` and the token table; both must
// outlive it. Threads: start and stop by one thread. Errors: start() fails when the address cannot
// be bound or the cookie not written.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "node/rpc/auth.h"
#include "node/rpc/http_server.h"
#include "node/rpc/services.h"

namespace assay::node {

struct RpcHooks {
    // Empty: not ready, with the reason in `text`. Asked by GET /ready.
    struct Readiness {
        bool ready = true;
        std::string text = "ready\n";
    };
    std::function<Readiness()> ready{};
    std::function<std::string()> metrics{};  // Prometheus text; the server's own are appended
    std::function<std::optional<HttpReply>(std::string_view path)> page{};
    // As HttpHooks.
    std::function<HttpReply(const std::filesystem::path& file, std::string_view query)> upload{};
    std::function<HttpFile(std::string_view path)> download{};
    std::function<std::optional<uint64_t>(std::string_view path)> download_size{};
};

class RpcService {
public:
    // Reads are open without a token only while `config.host` is a loopback address.
    static Result<std::unique_ptr<RpcService>> start(HttpConfig config, Services services,
                                                     Auth& auth, RpcHooks hooks);
    ~RpcService();
    RpcService(const RpcService&) = delete;
    RpcService& operator=(const RpcService&) = delete;

    [[nodiscard]] uint16_t port() const;
    // Ends waits, connections and threads; removes the cookie. Idempotent.
    void stop();

private:
    struct Parts;
    explicit RpcService(std::unique_ptr<Parts> parts);
    std::unique_ptr<Parts> parts_;
};

}  // namespace assay::node
