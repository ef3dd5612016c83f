// Test support: a running HttpServer over a Dispatcher, raw HTTP exchanges and a small WebSocket
// client, all on loopback with ephemeral ports. Threads: one test thread. Errors: gtest failures.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/websocket.hpp>
#include <nlohmann/json.hpp>

#include "node/rpc/dispatch.h"
#include "node/rpc/http_server.h"

namespace assay::node::testing {

namespace net = boost::asio;

inline net::ip::tcp::socket connect_to(net::io_context& io, uint16_t port) {
    net::ip::tcp::socket socket(io);
    socket.connect({net::ip::make_address("127.0.0.1"), port});
    return socket;
}

struct RawHttp {
    int status = 0;
    std::string head;
    std::string body;
};

// Sends `text` as it is and reads until the server closes.
inline RawHttp raw_http(uint16_t port, const std::string& text) {
    net::io_context io;
    auto socket = connect_to(io, port);
    boost::system::error_code error;
    net::write(socket, net::buffer(text), error);
    std::string all;
    net::read(socket, net::dynamic_buffer(all), error);
    RawHttp reply;
    const size_t split = all.find("\r\n\r\n");
    if (split == std::string::npos) return reply;
    reply.head = all.substr(0, split);
    reply.body = all.substr(split + 4);
    reply.status = std::stoi(reply.head.substr(9, 3));
    return reply;
}

inline std::string post_text(const std::string& body, const std::string& headers = "",
                             const std::string& host = "127.0.0.1") {
    return "POST / HTTP/1.1\r\nHost: " + host +
           "\r\nContent-Type: application/json\r\nConnection: close\r\n" + headers +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}
inline std::string get_text(const std::string& path, const std::string& headers = "") {
    return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + headers +
           "\r\n";
}

class WsClient {
public:
    explicit WsClient(uint16_t port) : ws_(connect_to(io_, port)) {
        ws_.handshake("127.0.0.1:" + std::to_string(port), "/");
    }
    void send(const std::string& text) { ws_.write(net::buffer(text)); }
    nlohmann::json receive() {
        boost::beast::flat_buffer buffer;
        ws_.read(buffer);
        return nlohmann::json::parse(boost::beast::buffers_to_string(buffer.data()));
    }
    nlohmann::json call(const std::string& method, const nlohmann::json& params) {
        send(nlohmann::json{{"jsonrpc", "2.0"}, {"id", 1}, {"method", method}, {"params", params}}
                 .dump());
        return receive();
    }
    auto& stream() { return ws_; }

private:
    net::io_context io_;
    boost::beast::websocket::stream<net::ip::tcp::socket> ws_;
};

}  // namespace assay::node::testing
