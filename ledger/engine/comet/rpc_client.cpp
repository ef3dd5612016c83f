#include "ledger/engine/comet/rpc_client.h"

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <mutex>
#include <vector>

namespace assay::ledger::comet {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using nlohmann::json;

constexpr size_t kMaxAnswerBytes = 64 * 1024 * 1024;
constexpr size_t kMaxIdle = 16;
constexpr auto kPatience = std::chrono::seconds(5);  // for one step of an exchange

}  // namespace

struct RpcClient::Connection {
    asio::io_context context;
    boost::beast::basic_stream<asio::local::stream_protocol> stream{context};
    boost::beast::flat_buffer buffer;

    // What `begin` starts, to its end or the end of our patience: an engine that hangs must not
    // take the callers' threads with it. Timeouts work on asynchronous operations alone.
    template <typename Begin>
    void finish(Begin begin) {
        boost::system::error_code result;
        stream.expires_after(kPatience);
        begin([&result](boost::system::error_code error, auto&&...) { result = error; });
        context.restart();
        context.run();
        if (result) throw boost::system::system_error(result);
    }
};

struct RpcClient::Pool {
    std::mutex mutex;
    std::vector<std::unique_ptr<Connection>> idle;  // guarded by mutex
};

RpcClient::RpcClient(std::string socket_path)
    : path_(std::move(socket_path)), pool_(std::make_unique<Pool>()) {}
RpcClient::~RpcClient() = default;

Result<std::string> RpcClient::exchange(const std::string& body) {
    // A kept connection may be one that the engine closed: then once more with a new one.
    for (const bool may_be_old : {true, false}) {
        std::unique_ptr<Connection> connection;
        bool is_old = false;
        if (may_be_old) {
            const std::lock_guard lock(pool_->mutex);
            if (!pool_->idle.empty()) {
                connection = std::move(pool_->idle.back());
                pool_->idle.pop_back();
                is_old = true;
            }
        }
        try {
            if (!connection) {
                connection = std::make_unique<Connection>();
                connection->finish([&](auto done) {
                    connection->stream.async_connect(asio::local::stream_protocol::endpoint(path_),
                                                     std::move(done));
                });
            }
            http::request<http::string_body> request(http::verb::post, "/", 11);
            request.set(http::field::host, "localhost");
            request.set(http::field::content_type, "application/json");
            request.body() = body;
            request.prepare_payload();
            connection->finish([&](auto done) {
                http::async_write(connection->stream, request, std::move(done));
            });
            http::response_parser<http::string_body> parser;
            parser.body_limit(kMaxAnswerBytes);
            connection->finish([&](auto done) {
                http::async_read(connection->stream, connection->buffer, parser, std::move(done));
            });
            std::string answer = std::move(parser.get().body());
            if (parser.get().keep_alive()) {
                const std::lock_guard lock(pool_->mutex);
                if (pool_->idle.size() < kMaxIdle) pool_->idle.push_back(std::move(connection));
            }
            return answer;
        } catch (const boost::system::system_error& error) {
            if (is_old) continue;
            return fail(Code::kUnavailable,
                        std::string("the CometBFT engine does not answer: ") + error.what());
        }
    }
    return fail(Code::kUnavailable, "the CometBFT engine does not answer");
}

Result<json> RpcClient::call(const std::string& method, const json& params) {
    const json request = {{"jsonrpc", "2.0"}, {"id", 1}, {"method", method}, {"params", params}};
    ASSAY_ASSIGN(const std::string text, exchange(request.dump()));
    const json answer = json::parse(text, nullptr, false);
    if (!answer.is_object())
        return fail(Code::kCorrupt, "the engine's answer to " + method + " is not JSON");
    if (const auto error = answer.find("error"); error != answer.end()) {
        const std::string data = error->value("data", std::string());
        return fail(Code::kRejected,
                    data.empty() ? error->value("message", std::string("error")) : data);
    }
    const auto result = answer.find("result");
    if (result == answer.end())
        return fail(Code::kCorrupt, "the engine's answer to " + method + " has no result");
    return *result;
}

}  // namespace assay::ledger::comet
