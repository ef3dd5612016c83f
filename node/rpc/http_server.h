// HTTP/1.1 and WebSocket server of the node, on one port: JSON-RPC, health, metrics, pages.
//
// Purpose: transport and limits only; what requests mean is in the injected hooks. Routes: POST /
// and /rpc (JSON-RPC), WebSocket upgrade on / and /rpc, POST /artifacts and GET /artifacts/...
// (files, http_transfer.h), GET /health, /ready, /metrics, any other GET is asked of `page`.
// Guards: Host must name this server, Origin, if sent, must be this server, and Sec-Fetch-Site, if
// sent, must not be cross-site (DNS rebinding, cross-site requests); no CORS header is ever sent.
// Ownership: owns its threads and connections; hooks must outlive stop(). Threads: hooks are called
// from several worker threads at once; public methods from any thread. Errors: start() fails when
// the address cannot be bound.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "node/rpc/method.h"

namespace assay::node {

struct HttpConfig {
    std::string host = "127.0.0.1";
    uint16_t port = 0;  // 0: any free port, see HttpServer::port
    size_t io_threads = 2;
    size_t worker_threads = 16;  // also bounds the requests that run or wait at a time
    size_t max_body_bytes = 1u << 20;
    uint32_t max_header_bytes = 16u << 10;
    size_t max_connections = 900;
    size_t max_subscriptions = 100;         // per connection
    size_t max_write_queue = 4u << 20;      // bytes; above it a connection is neither read nor fed
    uint64_t idle_timeout_ms = 60'000;      // between requests, and for a peer that stops reading
    std::filesystem::path upload_folder{};  // on the disk of what keeps them; empty: none are taken
    uint64_t max_upload_bytes = uint64_t{16} << 30;
    size_t max_transfers = 4;  // uploads and downloads at a time
    // A transfer that is slower, on average since its start, ends once the time of grace is over.
    uint64_t min_transfer_rate = 16u << 10;  // bytes a second
    uint64_t transfer_grace_ms = 60'000;
    // An upload needs room for itself, for what it is converted to, for its chunks, and for this.
    uint64_t min_free_bytes = uint64_t{2} << 30;
    std::vector<std::string> extra_hosts{};  // Host names to accept besides loopback and `host`
};

struct HttpReply {
    unsigned status = 200;
    std::string type = "text/plain; charset=utf-8";
    std::string body;
};

// A file to send, which lives as long as `keep`; without one, `refusal` is the answer.
struct HttpFile {
    std::filesystem::path file{};
    std::shared_ptr<void> keep{};
    HttpReply refusal{};
};

struct HttpHooks {
    // JSON-RPC text in, reply text out; nullopt when there is nothing to answer.
    std::function<std::optional<std::string>(std::string_view, const CallContext&)> rpc;
    // The role behind a bearer token; nullopt refuses it. An empty token means none was sent.
    std::function<std::optional<Role>(std::string_view token)> authenticate;
    std::function<HttpReply()> health;                                    // default: 200 "ok"
    std::function<HttpReply()> ready;                                     // default: 200 "ready"
    std::function<std::string()> metrics;                                 // default: 404
    std::function<std::optional<HttpReply>(std::string_view path)> page;  // default: 404
    // A whole uploaded file, which is gone afterwards; `query` of its address. Empty: 404.
    std::function<HttpReply(const std::filesystem::path& file, std::string_view query)> upload{};
    std::function<HttpFile(std::string_view path)> download{};  // empty: 404
    // Bytes of a download where they are known without making its file: what HEAD asks for.
    std::function<std::optional<uint64_t>(std::string_view path)> download_size{};
};

struct HttpCounters {
    std::atomic<uint64_t> connections{0};  // open now
    std::atomic<uint64_t> connections_refused{0};
    std::atomic<uint64_t> requests{0};
    std::atomic<uint64_t> subscriptions{0};  // open now
    std::atomic<uint64_t> notifications{0};
    std::atomic<uint64_t> transfers{0};  // under way
};

struct ServerState;

class HttpServer {
public:
    static Result<std::unique_ptr<HttpServer>> start(HttpConfig config, HttpHooks hooks);
    ~HttpServer();
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    [[nodiscard]] uint16_t port() const;
    [[nodiscard]] const HttpCounters& counters() const;
    // Something subscribers wait for may be there: their cursors are asked again. Cheap.
    void poke();
    // Ends connections and threads; running hooks finish first. Idempotent.
    void stop();

private:
    explicit HttpServer(std::unique_ptr<ServerState> state);
    std::unique_ptr<ServerState> state_;
};

}  // namespace assay::node
