#include "node/rpc/rpc_service.h"

#include "node/rpc/dispatch.h"
#include "node/rpc/http_guard.h"
#include "node/rpc/methods.h"

namespace assay::node {

struct RpcService::Parts {
    Parts(Services services_in, Auth& auth_in, RpcHooks hooks_in)
        : services(std::move(services_in)),
          auth(auth_in),
          hooks(std::move(hooks_in)),
          blocks(services.engine),
          watch(services.engine, [this] { on_commit(); }),
          submitter(services, watch),
          dispatcher(build_methods({&services, &submitter, &blocks, &auth})) {}

    void on_commit() {
        const std::lock_guard lock(server_mutex);
        if (server != nullptr) server->poke();
    }

    const Services services;
    Auth& auth;
    const RpcHooks hooks;
    BlockCache blocks;
    std::mutex server_mutex;
    HttpServer* server = nullptr;  // while it runs; guarded by server_mutex
    ChainWatch watch;
    Submitter submitter;
    const Dispatcher dispatcher;
    std::unique_ptr<HttpServer> owned_server;
};

namespace {

HttpReply health_of(const Services& services) {
    const std::string failure = services.engine.failure();
    if (failure.empty()) return {.body = "ok\n"};
    return {.status = 503, .body = "stopped: " + failure + "\n"};
}

std::string metric(std::string_view name, std::string_view kind, std::string_view help,
                   uint64_t value) {
    std::string text = "# HELP ";
    text.append(name).append(" ").append(help).append("\n# TYPE ");
    text.append(name).append(" ").append(kind).append("\n");
    return text.append(name).append(" ").append(std::to_string(value)).append("\n");
}

std::string server_metrics(const HttpCounters& counters) {
    return metric("assay_rpc_connections", "gauge", "Open connections.", counters.connections) +
           metric("assay_rpc_connections_refused_total", "counter",
                  "Connections refused at the limit.", counters.connections_refused) +
           metric("assay_rpc_requests_total", "counter", "HTTP requests and WebSocket messages.",
                  counters.requests) +
           metric("assay_rpc_subscriptions", "gauge", "Open subscriptions.",
                  counters.subscriptions) +
           metric("assay_rpc_notifications_total", "counter", "Notifications queued.",
                  counters.notifications);
}

}  // namespace

Result<std::unique_ptr<RpcService>> RpcService::start(HttpConfig config, Services services,
                                                      Auth& auth, RpcHooks hooks) {
    ASSAY_RETURN_IF_ERROR(auth.write_cookie());
    auto owned = std::make_unique<Parts>(std::move(services), auth, std::move(hooks));
    Parts* parts = owned.get();
    const bool open_reads = is_loopback(config.host);

    HttpHooks http;
    http.rpc = [parts](std::string_view text, const CallContext& caller) {
        return parts->dispatcher.handle(text, caller);
    };
    http.authenticate = [parts, open_reads](std::string_view token) -> std::optional<Role> {
        if (token.empty()) return open_reads ? Role::kRead : Role::kNone;
        return parts->auth.role_of(token);
    };
    http.health = [parts] { return health_of(parts->services); };
    http.ready = [parts]() -> HttpReply {
        if (HttpReply health = health_of(parts->services); health.status != 200) return health;
        if (!parts->hooks.ready) return {.body = "ready\n"};
        const auto readiness = parts->hooks.ready();
        return {.status = readiness.ready ? 200U : 503U, .body = readiness.text};
    };
    http.metrics = [parts] {
        std::string text = parts->hooks.metrics ? parts->hooks.metrics() : "";
        const std::lock_guard lock(parts->server_mutex);
        if (parts->server != nullptr) text += server_metrics(parts->server->counters());
        return text;
    };
    http.page = parts->hooks.page;
    http.upload = parts->hooks.upload;
    http.download = parts->hooks.download;
    http.download_size = parts->hooks.download_size;
    auto server = HttpServer::start(std::move(config), std::move(http));
    if (!server.ok()) {
        auth.remove_cookie();
        return server.error();
    }
    owned->owned_server = std::move(server).value();
    {
        const std::lock_guard lock(owned->server_mutex);
        owned->server = owned->owned_server.get();
    }
    return std::unique_ptr<RpcService>(new RpcService(std::move(owned)));
}

RpcService::RpcService(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

RpcService::~RpcService() {
    stop();
}

uint16_t RpcService::port() const {
    return parts_->owned_server->port();
}

void RpcService::stop() {
    {
        const std::lock_guard lock(parts_->server_mutex);
        if (parts_->server == nullptr) return;
        parts_->server = nullptr;
    }
    parts_->owned_server->stop();
    parts_->auth.remove_cookie();
}

}  // namespace assay::node
