#include "node/rpc/client.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <charconv>
#include <nlohmann/json.hpp>

#include "node/rpc/json_text.h"
#include "node/rpc/rpc_error.h"

namespace assay::node {

namespace beast = boost::beast;
namespace http = beast::http;
namespace net = boost::asio;
using nlohmann::json;
using Request = http::request<http::string_body>;

namespace {
constexpr uint64_t kMaxReplyBytes = 64u << 20;
}

struct RpcClient::Connection {
    net::io_context io;
    std::optional<beast::tcp_stream> stream;

    // Runs the one operation under way to its end; the stream's own timer limits it.
    template <typename Start>
    beast::error_code run(Start start) {
        beast::error_code outcome = net::error::would_block;
        start([&outcome](beast::error_code error, auto&&...) { outcome = error; });
        io.restart();
        io.run();
        return outcome;
    }

    Status connect(const RpcEndpoint& endpoint, uint64_t timeout_ms) {
        const std::string name = endpoint.host == "localhost" ? "127.0.0.1" : endpoint.host;
        const std::string where = endpoint.host + ":" + std::to_string(endpoint.port);
        beast::error_code error;
        const auto address = net::ip::make_address(name, error);
        if (error)
            return fail(Code::kInvalidArgument, "\"" + endpoint.host + "\" is not an IP address");
        stream.emplace(io);
        stream->expires_after(std::chrono::milliseconds(timeout_ms));
        error = run([&](auto done) {
            stream->async_connect(net::ip::tcp::endpoint(address, endpoint.port), done);
        });
        if (!error) return {};
        stream.reset();
        return fail(Code::kUnavailable,
                    "no node answers at " + where + " (" + error.message() + "): is it running?");
    }

    Result<RawReply> exchange(const Request& request, uint64_t timeout_ms) {
        beast::flat_buffer buffer;
        http::response_parser<http::string_body> parser;
        parser.body_limit(kMaxReplyBytes);
        stream->expires_after(std::chrono::milliseconds(timeout_ms));
        auto error = run([&](auto done) { http::async_write(*stream, request, done); });
        if (!error)
            error = run([&](auto done) { http::async_read(*stream, buffer, parser, done); });
        const bool keep = !error && parser.get().keep_alive();
        if (!keep) stream.reset();
        if (error == beast::error::timeout)
            return fail(Code::kTimeout,
                        "no reply within " + std::to_string(timeout_ms) + " ms: try again");
        if (error) return fail(Code::kUnavailable, "connection lost: " + error.message());
        return RawReply{parser.get().result_int(), std::move(parser.get().body())};
    }
};

Result<RpcEndpoint> parse_endpoint(const std::string& text) {
    std::string_view rest = text;
    if (rest.starts_with("http://")) rest.remove_prefix(7);
    while (rest.ends_with('/')) rest.remove_suffix(1);
    const size_t colon = rest.rfind(':');
    RpcEndpoint endpoint;
    if (colon != std::string_view::npos) {
        const std::string_view port = rest.substr(colon + 1);
        const auto [end, error] =
            std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
        if (error == std::errc{} && end == port.data() + port.size() && endpoint.port != 0) {
            std::string_view host = rest.substr(0, colon);
            if (host.starts_with('[') && host.ends_with(']'))
                host = host.substr(1, host.size() - 2);
            endpoint.host = host;
            if (!host.empty()) return endpoint;
        }
    }
    return fail(Code::kInvalidArgument, "\"" + text + "\" is not an address like 127.0.0.1:7700");
}

RpcClient::RpcClient(RpcEndpoint endpoint)
    : endpoint_(std::move(endpoint)), connection_(std::make_unique<Connection>()) {}
RpcClient::~RpcClient() = default;
RpcClient::RpcClient(RpcClient&&) noexcept = default;

namespace {

Request make_request(const RpcEndpoint& endpoint, http::verb verb, const std::string& target,
                     const std::string& body) {
    Request request(verb, target, 11);
    const bool v6 = endpoint.host.find(':') != std::string::npos;
    request.set(http::field::host, (v6 ? "[" + endpoint.host + "]" : endpoint.host) + ":" +
                                       std::to_string(endpoint.port));
    request.set(http::field::user_agent, "assay");
    if (!endpoint.token.empty())
        request.set(http::field::authorization, "Bearer " + endpoint.token);
    if (verb == http::verb::post) request.set(http::field::content_type, "application/json");
    request.body() = body;
    request.prepare_payload();
    return request;
}

Error error_from(const json& error) {
    const json data = error.value("data", json::object());
    const std::string name = data.is_object() ? data.value("code", "internal") : "internal";
    std::string message = error.value("message", "error without a message");
    if (data.is_object() && data.contains("remedy"))
        message += "; " + data.value("remedy", std::string());
    // A ledger refusal may share its name with another error, as not_found does.
    const bool refused = error.value("code", json()) == kRpcTxRejected;
    return fail(refused ? Code::kRejected : code_from_name(name), message);
}

}  // namespace

Result<RpcClient::RawReply> RpcClient::post(const std::string& body, uint64_t timeout_ms) {
    const Request request = make_request(endpoint_, http::verb::post, "/rpc", body);
    const bool reused = connection_->stream.has_value();
    if (!reused) ASSAY_RETURN_IF_ERROR(connection_->connect(endpoint_, timeout_ms));
    return connection_->exchange(request, timeout_ms);
}

Result<RpcClient::RawReply> RpcClient::get(const std::string& path, uint64_t timeout_ms) {
    const Request request = make_request(endpoint_, http::verb::get, path, "");
    ASSAY_RETURN_IF_ERROR(connection_->connect(endpoint_, timeout_ms));
    return connection_->exchange(request, timeout_ms);
}

Result<json> RpcClient::call(const std::string& method, const json& params) {
    return call(method, params, endpoint_.timeout_ms);
}

Result<json> RpcClient::call(const std::string& method, const json& params, uint64_t timeout_ms) {
    const uint64_t id = ++last_id_;
    const std::string body =
        dump_json({{"jsonrpc", "2.0"}, {"id", id}, {"method", method}, {"params", params}});
    ASSAY_ASSIGN(const auto raw, post(body, timeout_ms));
    if (raw.status == 401)
        return fail(Code::kUnauthorized, "the node refused the token: " + raw.body);
    if (raw.status != 200)
        return fail(Code::kUnavailable,
                    "HTTP status " + std::to_string(raw.status) + ": " + raw.body.substr(0, 200));
    ASSAY_ASSIGN(const auto reply, parse_json(raw.body));
    if (!reply.is_object() || reply.value("jsonrpc", "") != "2.0" || !reply.contains("id"))
        return fail(Code::kCorrupt, "the answer is not JSON-RPC 2.0: is this an Assay node?");
    if (reply.contains("error") && reply["error"].is_object()) return error_from(reply["error"]);
    if (reply["id"] != id || !reply.contains("result"))
        return fail(Code::kCorrupt, "the answer belongs to another request");
    return reply["result"];
}

}  // namespace assay::node
