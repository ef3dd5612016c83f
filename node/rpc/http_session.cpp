// One HTTP connection: reads requests in turn, answers each, hands upgrades to ws_session.
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket/rfc6455.hpp>

#include "node/rpc/http_guard.h"
#include "node/rpc/http_transfer.h"
#include "node/rpc/ws_session.h"

namespace assay::node {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;

std::string_view view(beast::string_view text) {
    return {text.data(), text.size()};
}

constexpr std::string_view kArtifacts = "/artifacts";

std::string_view path_of(const Request& request) {
    const std::string_view target = view(request.target());
    return target.substr(0, target.find('?'));
}

bool is_rpc_path(std::string_view target) {
    return target == "/" || target == "/rpc";
}

class HttpSession : public Session, public std::enable_shared_from_this<HttpSession> {
public:
    HttpSession(ServerState& state, net::ip::tcp::socket socket, ConnectionSlot slot)
        : state_(state), slot_(std::move(slot)), stream_(std::move(socket)) {}
    ~HttpSession() override { state_.leave(id_); }

    void start() {
        id_ = state_.enter(shared_from_this());
        net::dispatch(stream_.get_executor(), [self = shared_from_this()] { self->read_header(); });
    }
    void close() override {
        net::post(stream_.get_executor(), [self = shared_from_this()] { self->stream_.close(); });
    }
    void poke() override {}

private:
    void read_header() {
        if (state_.stopping) return;
        parser_.emplace();
        parser_->header_limit(state_.config.max_header_bytes);
        // What exceeds the limit of a message may be an upload: decided once the path is known.
        parser_->body_limit(
            std::max<uint64_t>(state_.config.max_body_bytes, state_.config.max_upload_bytes));
        stream_.expires_after(std::chrono::milliseconds(state_.config.idle_timeout_ms));
        http::async_read_header(
            stream_, buffer_, *parser_,
            [self = shared_from_this()](auto error, size_t) { self->on_header(error); });
    }

    void on_header(beast::error_code error) {
        if (error == http::error::body_limit && is_upload())
            return refuse(413, upload_limit_text(state_.config));
        if (error) return on_read_error(error);
        if (is_upload()) return upload();
        const auto length = parser_->content_length();
        if (length && *length > state_.config.max_body_bytes)
            return on_read_error(http::error::body_limit);
        parser_->body_limit(state_.config.max_body_bytes);
        // curl asks first when a body is large; without an answer it waits a second.
        if (parser_->get()[http::field::expect] == "100-continue") {
            interim_ = http::response<http::empty_body>(http::status::continue_, 11);
            return http::async_write(stream_, *interim_,
                                     [self = shared_from_this()](auto write_error, size_t) {
                                         if (!write_error) self->read_body();
                                     });
        }
        read_body();
    }

    bool is_upload() const {
        const Request& request = parser_->get();
        return request.method() == http::verb::post && path_of(request) == kArtifacts &&
               state_.hooks.upload && !state_.config.upload_folder.empty();
    }

    void read_body() {
        http::async_read(stream_, buffer_, *parser_,
                         [self = shared_from_this()](auto error, size_t) {
                             if (error) return self->on_read_error(error);
                             if (!self->state_.stopping) self->on_request();
                         });
    }

    void on_read_error(beast::error_code error) {
        if (error == http::error::body_limit)
            return refuse(413, "the body exceeds " + std::to_string(state_.config.max_body_bytes) +
                                   " bytes: split the request\n");
        if (error == http::error::header_limit)
            return refuse(431, "the header exceeds " +
                                   std::to_string(state_.config.max_header_bytes) + " bytes\n");
        if (error == http::error::end_of_stream || error == http::error::partial_message) return;
        if (error.category() == make_error_code(http::error::bad_method).category())
            return refuse(400, "not HTTP/1.1: " + error.message() + "\n");
    }

    void refuse(unsigned status, std::string reason) {
        keep_alive_ = false;
        respond({.status = status, .type = "text/plain; charset=utf-8", .body = std::move(reason)});
    }

    void upload() {
        ++state_.counters.requests;
        if (!admit()) return;
        if (role_ < Role::kSpend)
            return refuse(403, "an upload needs a token of the role spend (node_createToken)\n");
        start_upload(state_, std::move(stream_), std::move(slot_), std::move(buffer_),
                     std::move(*parser_));
    }

    // Host, origin and token; false: the refusal is on its way.
    bool admit() {
        const Request& request = parser_->get();
        keep_alive_ = request.keep_alive();
        head_ = request.method() == http::verb::head;
        const std::string_view host = view(request[http::field::host]);
        auto reason = host_refusal(state_.config, host);
        if (reason.empty()) reason = origin_refusal(host, view(request[http::field::origin]));
        if (reason.empty()) reason = cross_site_refusal(view(request["Sec-Fetch-Site"]));
        if (!reason.empty()) {
            refuse(403, std::move(reason));
            return false;
        }
        const auto token = bearer_token(view(request[http::field::authorization]));
        const auto role = token && state_.hooks.authenticate ? state_.hooks.authenticate(*token)
                                                             : std::optional<Role>(Role::kRead);
        if (!token || !role) {
            refuse(401,
                   "unknown token: create one with node_createToken, or send none for reads\n");
            return false;
        }
        role_ = *role;
        return true;
    }

    void on_request() {
        ++state_.counters.requests;
        if (admit()) route();
    }

    void route() {
        const Request& request = parser_->get();
        const std::string_view path = path_of(request);
        if (beast::websocket::is_upgrade(request) && is_rpc_path(path)) return upgrade();
        if (request.method() == http::verb::post && is_rpc_path(path)) return call();
        const bool reads = request.method() == http::verb::get || head_;
        if (reads && state_.hooks.download && path.starts_with(std::string(kArtifacts) + "/"))
            return download(std::string(path));
        if (reads) return get(std::string(path));
        if (request.method() == http::verb::post)
            return respond({.status = 404, .body = "POST JSON-RPC to / or /rpc\n"});
        respond({.status = 405, .body = "use POST for JSON-RPC, GET for pages\n"});
    }

    void download(std::string path) {
        if (role_ < Role::kRead) return refuse(401, "send Authorization: Bearer TOKEN\n");
        stream_.expires_never();
        start_download(state_, std::move(stream_), std::move(slot_), std::move(path), head_);
    }

    void upgrade() {
        stream_.expires_never();
        start_ws_session(state_, std::move(stream_), std::move(slot_), parser_->release(), role_);
    }

    void call() {
        if (!is_json_type(view(parser_->get()[http::field::content_type])))
            return respond({.status = 415, .body = "send Content-Type: application/json\n"});
        on_worker([this] {
            const CallContext caller{.role = role_, .stopping = &state_.stopping};
            auto reply = state_.hooks.rpc(parser_->get().body(), caller);
            if (!reply) return HttpReply{.status = 204, .type = "", .body = ""};
            return HttpReply{.status = 200, .type = "application/json", .body = std::move(*reply)};
        });
    }

    void get(const std::string& path) {
        on_worker([this, path]() -> HttpReply {
            const HttpHooks& hooks = state_.hooks;
            if (path == "/health") return hooks.health ? hooks.health() : HttpReply{.body = "ok\n"};
            if (path == "/ready") return hooks.ready ? hooks.ready() : HttpReply{.body = "ready\n"};
            if (path == "/metrics" && hooks.metrics)
                return {.type = "text/plain; version=0.0.4; charset=utf-8",
                        .body = hooks.metrics()};
            if (auto page = hooks.page ? hooks.page(path) : std::nullopt) return std::move(*page);
            return {.status = 404, .body = "nothing here\n"};
        });
    }

    // Runs `work` on a worker thread, then answers from the strand. The session does nothing else
    // meanwhile, so `work` may read its members.
    template <typename Work>
    void on_worker(Work work) {
        state_.post_work([self = shared_from_this(), work = std::move(work)] {
            HttpReply reply;
            try {
                reply = work();
            } catch (const std::exception& error) {
                reply = {.status = 500, .body = std::string("internal: ") + error.what() + "\n"};
            }
            net::post(self->stream_.get_executor(), [self, reply = std::move(reply)]() mutable {
                self->respond(std::move(reply));
            });
        });
    }

    void respond(HttpReply reply) {
        response_.emplace(static_cast<http::status>(reply.status), 11);
        set_common_fields(*response_);
        if (reply.status == 401) response_->set(http::field::www_authenticate, "Bearer");
        if (reply.status == 405) response_->set(http::field::allow, "GET, HEAD, POST");
        if (!reply.type.empty()) response_->set(http::field::content_type, reply.type);
        response_->keep_alive(keep_alive_);
        const size_t size = reply.body.size();
        if (!head_) response_->body() = std::move(reply.body);
        response_->prepare_payload();
        if (head_) response_->content_length(size);
        stream_.expires_after(std::chrono::milliseconds(state_.config.idle_timeout_ms));
        http::async_write(stream_, *response_, [self = shared_from_this()](auto error, size_t) {
            self->on_written(error);
        });
    }

    void on_written(beast::error_code error) {
        if (error) return;
        if (keep_alive_) return read_header();
        beast::error_code ignored;
        stream_.socket().shutdown(net::ip::tcp::socket::shutdown_send, ignored);
        drain();
    }

    // Reads what the peer still sends, so that closing does not cut off the answer it should see.
    void drain() {
        buffer_.clear();
        if (drained_ > state_.config.max_body_bytes) return;
        stream_.async_read_some(buffer_.prepare(kDrainStep),
                                [self = shared_from_this()](auto error, size_t count) {
                                    self->drained_ += count;
                                    if (!error) self->drain();
                                });
    }

    static constexpr size_t kDrainStep = 16u << 10;

    ServerState& state_;
    ConnectionSlot slot_;
    uint64_t id_ = 0;
    // Used on the strand, or by the one worker task while it runs.
    beast::tcp_stream stream_;
    beast::flat_buffer buffer_;
    std::optional<http::request_parser<http::string_body>> parser_;
    std::optional<http::response<http::empty_body>> interim_;
    std::optional<Response> response_;
    Role role_ = Role::kNone;
    bool keep_alive_ = true;
    bool head_ = false;
    size_t drained_ = 0;
};

}  // namespace

void start_http_session(ServerState& state, net::ip::tcp::socket socket, ConnectionSlot slot) {
    std::make_shared<HttpSession>(state, std::move(socket), std::move(slot))->start();
}

}  // namespace assay::node
