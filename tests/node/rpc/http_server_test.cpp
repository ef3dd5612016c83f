// The HTTP side over real sockets: routes, limits, guards, tokens, clean stop; and the client.
#include <array>
#include <fstream>
#include <iterator>
#include <thread>

#include "node/core/files.h"
#include "node/rpc/client.h"
#include "node/rpc/http_guard.h"
#include "tests/node/rpc/rpc_fixture.h"

namespace assay::node {
namespace {

using nlohmann::json;
using testing::get_text;
using testing::post_text;
using testing::raw_http;

std::vector<Method> methods() {
    std::vector<Method> list;
    list.push_back(
        {.name = "test_ping",
         .example = "{}",
         .handler = [](const json&, CallContext&) -> Result<json> { return json("pong"); }});
    list.push_back(
        {.name = "test_spend",
         .example = "{}",
         .role = Role::kSpend,
         .handler = [](const json&, CallContext&) -> Result<json> { return json("spent"); }});
    list.push_back({.name = "test_wait",
                    .example = "{}",
                    .handler = [](const json&, CallContext& context) -> Result<json> {
                        while (!context.is_stopping())
                            std::this_thread::sleep_for(std::chrono::milliseconds(1));
                        return json("stopped");
                    }});
    return list;
}

class Http : public ::testing::Test {
protected:
    Dispatcher dispatcher{methods()};
    const ScratchFolder folder = ScratchFolder::make({}, "assay-http-").value();
    std::string uploaded;
    std::string file_to_send;
    std::atomic<int> made_files{0};
    std::unique_ptr<HttpServer> server;

    void start(HttpConfig config = {}) {
        HttpHooks hooks;
        hooks.rpc = [this](std::string_view text, const CallContext& caller) {
            return dispatcher.handle(text, caller);
        };
        hooks.authenticate = [](std::string_view token) -> std::optional<Role> {
            if (token.empty()) return Role::kRead;
            if (token == "spender") return Role::kSpend;
            return std::nullopt;
        };
        hooks.metrics = [] { return std::string("assay_up 1\n"); };
        hooks.page = [](std::string_view path) -> std::optional<HttpReply> {
            if (path != "/") return std::nullopt;
            return HttpReply{.type = "text/html", .body = "<p>hello</p>"};
        };
        hooks.upload = [this](const std::filesystem::path& file, std::string_view query) {
            std::ifstream in(file, std::ios::binary);
            uploaded.assign(std::istreambuf_iterator<char>(in), {});
            if (uploaded == "bad news") throw std::runtime_error("the hook broke");
            return HttpReply{.body = std::string(query)};
        };
        hooks.download = [this](std::string_view path) -> HttpFile {
            if (path == "/artifacts/broken") throw std::runtime_error("the hook broke");
            ++made_files;
            if (path != "/artifacts/1") return {.refusal = {.status = 404, .body = "not here"}};
            return {.file = file_to_send};
        };
        hooks.download_size = [](std::string_view path) {
            return path == "/artifacts/sized" ? std::optional<uint64_t>(77) : std::nullopt;
        };
        config.upload_folder = folder.path();
        auto started = HttpServer::start(std::move(config), std::move(hooks));
        ASSERT_TRUE(started.ok()) << started.error().message;
        server = std::move(started).value();
    }
    bool folder_is_empty() const { return std::filesystem::is_empty(folder.path()); }
    auto http(const std::string& text) { return raw_http(server->port(), text); }
};

const std::string kPing = R"({"jsonrpc":"2.0","id":1,"method":"test_ping"})";
const std::string kSpend = R"({"jsonrpc":"2.0","id":1,"method":"test_spend"})";

TEST_F(Http, PostCallsAMethod) {
    start();
    const auto reply = http(post_text(kPing));
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.body, R"({"id":1,"jsonrpc":"2.0","result":"pong"})");
    EXPECT_NE(reply.head.find("application/json"), std::string::npos);
    EXPECT_EQ(reply.head.find("Access-Control"), std::string::npos);
}

TEST_F(Http, RpcErrorsAreStatus200AndNotifications204) {
    start();
    const auto error = http(post_text("{"));
    EXPECT_EQ(error.status, 200);
    EXPECT_EQ(json::parse(error.body)["error"]["code"], -32700);
    const auto silent = http(post_text(R"({"jsonrpc":"2.0","method":"test_ping"})"));
    EXPECT_EQ(silent.status, 204);
    EXPECT_EQ(silent.body, "");
}

TEST_F(Http, Routes) {
    start();
    EXPECT_EQ(http(get_text("/health")).body, "ok\n");
    EXPECT_EQ(http(get_text("/ready")).status, 200);
    EXPECT_EQ(http(get_text("/metrics")).body, "assay_up 1\n");
    EXPECT_EQ(http(get_text("/")).body, "<p>hello</p>");
    EXPECT_EQ(http(get_text("/nothing")).status, 404);
    EXPECT_EQ(http("HEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").body, "");
    EXPECT_EQ(http("PUT / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").status, 405);
    EXPECT_EQ(http("POST /x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").status, 404);
    EXPECT_EQ(http("nonsense\r\n\r\n").status, 400);
}

TEST_F(Http, GuardsAgainstBrowsersOfOtherSites) {
    start();
    EXPECT_EQ(http(post_text(kPing, "", "evil.example")).status, 403);
    EXPECT_EQ(http(post_text(kPing, "", "localhost:1234")).status, 200);
    EXPECT_EQ(http(post_text(kPing, "Origin: http://evil.example\r\n")).status, 403);
    EXPECT_EQ(http(post_text(kPing, "Origin: null\r\n")).status, 403);
    EXPECT_EQ(http(post_text(kPing, "Origin: http://127.0.0.1\r\n")).status, 200);
    // An image of another site's page has no Origin.
    EXPECT_EQ(http(get_text("/artifacts/1", "Sec-Fetch-Site: cross-site\r\n")).status, 403);
    EXPECT_EQ(http(get_text("/", "Sec-Fetch-Site: Cross-Site\r\n")).status, 403);
    EXPECT_EQ(made_files, 0);
    for (const char* own : {"same-origin", "none"})
        EXPECT_EQ(http(get_text("/", "Sec-Fetch-Site: " + std::string(own) + "\r\n")).status, 200);
    const auto plain = http(
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nConnection: close\r\n"
        "Content-Length: 2\r\n\r\n{}");
    EXPECT_EQ(plain.status, 415);
    EXPECT_EQ(http("POST / HTTP/1.1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").status,
              403);
}

TEST_F(Http, TokensGiveRoles) {
    start();
    const auto number = [&](const std::string& headers) {
        return json::parse(http(post_text(kSpend, headers)).body)["error"]["code"];
    };
    EXPECT_EQ(number(""), -32010);
    EXPECT_EQ(
        json::parse(http(post_text(kSpend, "Authorization: Bearer spender\r\n")).body)["result"],
        "spent");
    const auto wrong = http(post_text(kSpend, "Authorization: Bearer wrong\r\n"));
    EXPECT_EQ(wrong.status, 401);
    EXPECT_NE(wrong.head.find("WWW-Authenticate: Bearer"), std::string::npos);
    EXPECT_EQ(http(post_text(kSpend, "Authorization: Basic eDp5\r\n")).status, 401);
}

TEST_F(Http, BodyAndHeaderLimits) {
    start({.max_body_bytes = 1000, .max_header_bytes = 2000});
    EXPECT_EQ(http(post_text(std::string(1001, ' '))).status, 413);
    EXPECT_EQ(http(post_text(kPing + std::string(900, ' '))).status, 200);
    EXPECT_EQ(http(post_text(kPing, "X-Long: " + std::string(3000, 'x') + "\r\n")).status, 431);
    // A chunked body announces no length; it is cut at the limit all the same.
    EXPECT_EQ(http("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                   "Transfer-Encoding: chunked\r\n\r\n7d0\r\n" +
                   std::string(2000, ' ') + "\r\n0\r\n\r\n")
                  .status,
              413);
}

std::string upload_text(const std::string& body, const std::string& headers) {
    return "POST /artifacts?kind=raw HTTP/1.1\r\nHost: localhost\r\n" + headers +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}
const std::string kSpender = "Authorization: Bearer spender\r\n";

TEST_F(Http, AnUploadLargerThanAMessageArrivesWhole) {
    start({.max_body_bytes = 1000, .max_upload_bytes = 4u << 20});
    std::string body(3'000'000, 'x');
    for (size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>(i * 7 + i / 251);
    const auto reply = http(upload_text(body, kSpender));
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.body, "kind=raw");
    EXPECT_EQ(uploaded, body);
    // In pieces of unknown number, and after asking first, as curl does.
    const auto chunked = http("POST /artifacts HTTP/1.1\r\nHost: localhost\r\n" + kSpender +
                              "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
    EXPECT_EQ(chunked.status, 200);
    EXPECT_EQ(uploaded, "hello");
    EXPECT_NE(http(upload_text("asked", kSpender + "Expect: 100-continue\r\n")).head.find("100"),
              std::string::npos);
    EXPECT_EQ(uploaded, "asked");
    EXPECT_TRUE(folder_is_empty());
}

TEST_F(Http, AnUploadNeedsTheRoleSpendAndKeepsItsLimit) {
    start({.max_body_bytes = 1000, .max_upload_bytes = 5000});
    EXPECT_EQ(http(upload_text("text", "")).status, 403);
    EXPECT_EQ(http(upload_text("text", "Authorization: Bearer wrong\r\n")).status, 401);
    EXPECT_EQ(http(upload_text("text", kSpender + "Origin: http://evil.example\r\n")).status, 403);
    const auto large = http(upload_text(std::string(5001, 'x'), kSpender));
    EXPECT_EQ(large.status, 413);
    EXPECT_EQ(large.body, "an upload has at most 5000 bytes\n");
    EXPECT_EQ(http("POST /artifacts HTTP/1.1\r\nHost: localhost\r\n" + kSpender +
                   "Transfer-Encoding: chunked\r\n\r\n1770\r\n" + std::string(6000, 'x') +
                   "\r\n0\r\n\r\n")
                  .status,
              413);
    EXPECT_EQ(uploaded, "");
    EXPECT_EQ(http(upload_text(std::string(5000, 'x'), kSpender)).status, 200);
    EXPECT_TRUE(folder_is_empty());
    // Elsewhere the limit of a message stands.
    EXPECT_EQ(http(post_text(std::string(1001, ' '))).status, 413);
}

TEST_F(Http, AnUploadWithoutRoomOnTheDiskIsRefusedAtOnce) {
    start({.min_free_bytes = uint64_t{1} << 62});
    const auto reply = http(upload_text("text", kSpender));
    EXPECT_EQ(reply.status, 507);
    EXPECT_NE(reply.body.find("bytes free"), std::string::npos) << reply.body;
    EXPECT_EQ(uploaded, "");
    EXPECT_TRUE(folder_is_empty());
}

TEST_F(Http, AnUploadThatDripsLosesItsPlace) {
    start({.min_transfer_rate = uint64_t{1} << 40, .transfer_grace_ms = 0});
    testing::net::io_context io;
    auto socket = testing::connect_to(io, server->port());
    const std::string head = "POST /artifacts HTTP/1.1\r\nHost: localhost\r\n" + kSpender +
                             "Content-Length: 1000000\r\n\r\n";
    testing::net::write(socket, testing::net::buffer(head));
    boost::system::error_code error;
    while (!error && socket.available() == 0) {
        testing::net::write(socket, testing::net::buffer("x", 1), error);
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    std::string answer;
    testing::net::read_until(socket, testing::net::dynamic_buffer(answer), "\r\n\r\n", error);
    EXPECT_EQ(answer.substr(0, 12), "HTTP/1.1 408");
    EXPECT_TRUE(folder_is_empty());
    EXPECT_EQ(uploaded, "");
}

TEST_F(Http, AHookThatThrowsIsAnAnswer) {
    start();
    const auto taken = http(upload_text("bad news", kSpender));
    EXPECT_EQ(taken.status, 500);
    EXPECT_NE(taken.body.find("the hook broke"), std::string::npos);
    EXPECT_EQ(http(get_text("/artifacts/broken")).status, 500);
    EXPECT_EQ(http(get_text("/health")).status, 200);
    while (!folder_is_empty()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

TEST_F(Http, AnUploadThatBreaksOffLeavesNothing) {
    start();
    {
        testing::net::io_context io;
        auto socket = testing::connect_to(io, server->port());
        testing::net::write(socket,
                            testing::net::buffer("POST /artifacts HTTP/1.1\r\nHost: "
                                                 "localhost\r\n" +
                                                 kSpender + "Content-Length: 1000\r\n\r\nhalf"));
        while (folder_is_empty()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    while (!folder_is_empty()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    EXPECT_EQ(uploaded, "");
}

TEST_F(Http, AFileIsSentWhole) {
    std::string content(2'500'000, 'y');
    content[1'000'000] = '\0';
    const ScratchFolder place = ScratchFolder::make({}, "assay-send-").value();
    file_to_send = (place.path() / "file").string();
    ASSERT_TRUE(write_text(file_to_send, content, 0600).ok());
    start();
    EXPECT_EQ(http(get_text("/artifacts/1")).body, content);
    const auto head =
        http("HEAD /artifacts/1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    EXPECT_NE(head.head.find("Content-Length: 2500000"), std::string::npos) << head.head;
    EXPECT_EQ(head.body, "");
    EXPECT_EQ(http(get_text("/artifacts/2")).status, 404);
    // Where the size is known, the file is not made.
    const int made = made_files;
    const auto sized =
        http("HEAD /artifacts/sized HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(sized.status, 200);
    EXPECT_NE(sized.head.find("Content-Length: 77"), std::string::npos) << sized.head;
    EXPECT_EQ(sized.body, "");
    EXPECT_EQ(made_files, made);
}

TEST_F(Http, TransfersAtATimeAreLimited) {
    start({.max_transfers = 1});
    testing::net::io_context io;
    auto first = testing::connect_to(io, server->port());
    testing::net::write(first, testing::net::buffer("POST /artifacts HTTP/1.1\r\nHost: "
                                                    "localhost\r\n" +
                                                    kSpender + "Content-Length: 1000\r\n\r\nhalf"));
    while (server->counters().transfers == 0)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    EXPECT_EQ(http(upload_text("text", kSpender)).status, 503);
}

TEST_F(Http, ConnectionLimit) {
    start({.max_connections = 2});
    testing::net::io_context io;
    auto first = testing::connect_to(io, server->port());
    auto second = testing::connect_to(io, server->port());
    EXPECT_EQ(http(get_text("/health")).status, 503);
    EXPECT_EQ(server->counters().connections_refused, 1U);
    first.close();
    int status = 503;
    for (int i = 0; i < 1000 && status != 200; ++i) status = http(get_text("/health")).status;
    EXPECT_EQ(status, 200);
}

TEST_F(Http, ExpectContinueIsAnswered) {
    start();
    testing::net::io_context io;
    auto socket = testing::connect_to(io, server->port());
    const std::string head =
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        "Expect: 100-continue\r\nConnection: close\r\nContent-Length: " +
        std::to_string(kPing.size()) + "\r\n\r\n";
    testing::net::write(socket, testing::net::buffer(head));
    std::string interim;
    testing::net::read_until(socket, testing::net::dynamic_buffer(interim), "\r\n\r\n");
    EXPECT_EQ(interim.substr(0, 12), "HTTP/1.1 100");
    testing::net::write(socket, testing::net::buffer(kPing));
    boost::system::error_code error;
    std::string rest;
    testing::net::read(socket, testing::net::dynamic_buffer(rest), error);
    EXPECT_NE(rest.find("pong"), std::string::npos);
}

TEST_F(Http, IdleConnectionsAreClosed) {
    start({.idle_timeout_ms = 50});
    EXPECT_EQ(http("").status, 0);  // returns because the server closes
    EXPECT_EQ(http("POST / HTTP/1.1\r\nHost: localhost\r\n").status, 0);
}

TEST_F(Http, PortInUseIsOneClearError) {
    start();
    const auto second = HttpServer::start({.port = server->port()}, {});
    ASSERT_FALSE(second.ok());
    EXPECT_EQ(second.error().code, Code::kUnavailable);
    EXPECT_NE(second.error().message.find("choose another rpc port"), std::string::npos);
    EXPECT_EQ(HttpServer::start({.host = "not an ip"}, {}).error().code, Code::kInvalidArgument);
}

TEST_F(Http, StopEndsIdleConnectionsAndRunningCalls) {
    start();
    testing::net::io_context io;
    auto idle = testing::connect_to(io, server->port());
    std::thread waiting(
        [&] { http(post_text(R"({"jsonrpc":"2.0","id":1,"method":"test_wait"})")); });
    while (server->counters().requests < 1) std::this_thread::yield();
    server->stop();
    server->stop();
    waiting.join();
    boost::system::error_code error;
    std::array<char, 1> byte{};
    EXPECT_EQ(idle.read_some(testing::net::buffer(byte), error), 0U);
    EXPECT_TRUE(error);
}

TEST_F(Http, ClientCallsAndReportsErrors) {
    start();
    RpcClient reader({.port = server->port()});
    EXPECT_EQ(*reader.call("test_ping", json::object()), "pong");
    EXPECT_EQ(*reader.call("test_ping", json::array()), "pong");  // same connection
    const auto refused = reader.call("test_spend", json::object());
    EXPECT_EQ(refused.error().code, Code::kUnauthorized);
    EXPECT_NE(refused.error().message.find("Authorization"), std::string::npos);
    EXPECT_EQ(reader.call("no_such", json::object()).error().code, Code::kUnsupported);
    EXPECT_EQ(reader.call("test_wait", json::object(), 50).error().code, Code::kTimeout);
    EXPECT_EQ(*reader.call("test_ping", json::object()), "pong");  // reconnects
    RpcClient spender({.port = server->port(), .token = "spender"});
    EXPECT_EQ(*spender.call("test_spend", json::object()), "spent");
    RpcClient wrong({.port = server->port(), .token = "wrong"});
    EXPECT_EQ(wrong.call("test_ping", json::object()).error().code, Code::kUnauthorized);
    EXPECT_EQ(reader.get("/metrics", 1000)->body, "assay_up 1\n");
    const uint16_t port = server->port();
    server->stop();
    RpcClient late({.port = port});
    EXPECT_EQ(late.call("test_ping", json::object()).error().code, Code::kUnavailable);
}

TEST(Client, ParsesEndpoints) {
    EXPECT_EQ(parse_endpoint("127.0.0.1:7700")->port, 7700);
    EXPECT_EQ(parse_endpoint("http://localhost:80/")->host, "localhost");
    EXPECT_EQ(parse_endpoint("[::1]:9")->host, "::1");
    for (const char* bad : {"", "localhost", ":80", "a:0", "a:70000", "a:8x"})
        EXPECT_EQ(parse_endpoint(bad).error().code, Code::kInvalidArgument) << bad;
}

TEST(Guard, HostNames) {
    const HttpConfig config{.host = "192.0.2.7", .extra_hosts = {"Assay.example"}};
    for (const char* good : {"localhost", "LOCALHOST:1", "127.0.0.1:80", "[::1]:80", "192.0.2.7:9",
                             "assay.EXAMPLE:443"})
        EXPECT_EQ(host_refusal(config, good), "") << good;
    for (const char* bad : {"", "localhost.evil.example", "127.0.0.1.evil.example", "[::2]:1"})
        EXPECT_NE(host_refusal(config, bad), "") << bad;
}

}  // namespace
}  // namespace assay::node
