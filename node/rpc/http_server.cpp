#include "node/rpc/http_server.h"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/write.hpp>

#include "node/rpc/server_state.h"

namespace assay::node {
namespace {

using net::ip::tcp;

constexpr auto kStopPatience = std::chrono::seconds(1);
constexpr std::string_view kTooMany =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nConnection: close\r\n"
    "Content-Length: 39\r\n\r\ntoo many connections: close one of them";

// Accepts until the acceptor is closed; keeps itself alive through its pending operation.
class Listener : public Session, public std::enable_shared_from_this<Listener> {
public:
    Listener(ServerState& state, tcp::acceptor acceptor)
        : state_(state), acceptor_(std::move(acceptor)), pause_(acceptor_.get_executor()) {}

    void start() {
        state_.enter(shared_from_this());
        accept();
    }
    void close() override {
        net::post(acceptor_.get_executor(), [self = shared_from_this()] {
            boost::system::error_code ignored;
            self->acceptor_.close(ignored);
            self->pause_.cancel();
        });
    }
    void poke() override {}

private:
    void accept() {
        acceptor_.async_accept(net::make_strand(state_.io),
                               [self = shared_from_this()](auto error, tcp::socket socket) {
                                   self->on_accept(error, std::move(socket));
                               });
    }

    void on_accept(boost::system::error_code error, tcp::socket socket) {
        if (state_.stopping || error == net::error::operation_aborted) return;
        if (error) {  // out of file descriptors, mostly: give others time to close
            pause_.expires_after(std::chrono::milliseconds(100));
            pause_.async_wait([self = shared_from_this()](auto wait_error) {
                if (!wait_error) self->accept();
            });
            return;
        }
        if (state_.counters.connections >= state_.config.max_connections) {
            ++state_.counters.connections_refused;
            refuse(std::move(socket));
        } else {
            start_http_session(state_, std::move(socket), ConnectionSlot(state_));
        }
        accept();
    }

    static void refuse(tcp::socket socket) {
        auto kept = std::make_shared<tcp::socket>(std::move(socket));
        net::async_write(*kept, net::buffer(kTooMany.data(), kTooMany.size()),
                         [kept](auto, size_t) {
                             boost::system::error_code ignored;
                             kept->shutdown(tcp::socket::shutdown_both, ignored);
                         });
    }

    ServerState& state_;
    tcp::acceptor acceptor_;
    net::steady_timer pause_;
};

Result<tcp::acceptor> bind_to(ServerState& state) {
    const auto& config = state.config;
    const std::string where = config.host + ":" + std::to_string(config.port);
    boost::system::error_code error;
    const auto address = net::ip::make_address(config.host, error);
    if (error)
        return fail(Code::kInvalidArgument,
                    "rpc host \"" + config.host + "\" is not an IP address, such as 127.0.0.1");
    tcp::acceptor acceptor(net::make_strand(state.io));
    const tcp::endpoint endpoint(address, config.port);
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(net::socket_base::reuse_address(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(net::socket_base::max_listen_connections, error);
    if (error)
        return fail(Code::kUnavailable, "cannot listen on " + where + ": " + error.message() +
                                            "; choose another rpc port or stop its user");
    state.port = acceptor.local_endpoint().port();
    return acceptor;
}

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::start(HttpConfig config, HttpHooks hooks) {
    auto state = std::make_unique<ServerState>(std::move(config), std::move(hooks));
    ASSAY_ASSIGN(auto acceptor, bind_to(*state));
    std::make_shared<Listener>(*state, std::move(acceptor))->start();
    for (size_t i = 0; i < state->config.io_threads; ++i)
        state->threads.emplace_back([io = &state->io] { io->run(); });
    return std::unique_ptr<HttpServer>(new HttpServer(std::move(state)));
}

HttpServer::HttpServer(std::unique_ptr<ServerState> state) : state_(std::move(state)) {}

HttpServer::~HttpServer() {
    stop();
}

uint16_t HttpServer::port() const {
    return state_->port;
}

const HttpCounters& HttpServer::counters() const {
    return state_->counters;
}

void HttpServer::poke() {
    for (const auto& session : state_->live_sessions()) session->poke();
}

void HttpServer::stop() {
    if (!state_->stop_work()) return;  // what ran or waited for a worker is answered
    for (const auto& session : state_->live_sessions()) session->close();
    net::steady_timer patience(state_->io, kStopPatience);
    patience.async_wait([this](auto) { state_->io.stop(); });
    // The last connection to end stops io; without any, this does.
    net::post(state_->io, [this] {
        if (state_->counters.connections == 0) state_->io.stop();
    });
    for (auto& thread : state_->threads) thread.join();
}

}  // namespace assay::node
