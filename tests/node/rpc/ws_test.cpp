// The WebSocket side: requests in turn, subscriptions, limits, order of reply and notifications.
#include <atomic>
#include <thread>

#include "tests/node/rpc/rpc_fixture.h"

namespace assay::node {
namespace {

using nlohmann::json;
using testing::WsClient;

// Counts from 0 to a limit that the test raises.
class CountingCursor : public Cursor {
public:
    explicit CountingCursor(const std::atomic<int>& limit) : limit_(limit) {}
    bool next(std::vector<std::string>& results) override {
        if (count_ >= limit_) return false;
        results.push_back(std::to_string(count_++));
        return true;
    }

private:
    const std::atomic<int>& limit_;
    int count_ = 0;
};

class WebSocket : public ::testing::Test {
protected:
    std::atomic<int> limit{0};
    std::vector<Method> methods() {
        std::vector<Method> list;
        list.push_back({.name = "test_subscribe",
                        .example = "{}",
                        .handler = [this](const json&, CallContext& context) -> Result<json> {
                            if (context.subscriber == nullptr)
                                return fail(Code::kUnsupported, "needs a WebSocket");
                            ASSAY_ASSIGN(
                                const auto id,
                                context.subscriber->add(std::make_unique<CountingCursor>(limit)));
                            return json(id);
                        }});
        list.push_back({.name = "test_unsubscribe",
                        .params = {{.name = "id", .required = true}},
                        .example = R"({"id":"0x1"})",
                        .handler = [](const json& p, CallContext& context) -> Result<json> {
                            return json(context.subscriber->remove(p["id"].get<std::string>()));
                        }});
        return list;
    }
    Dispatcher dispatcher{methods()};
    std::unique_ptr<HttpServer> server;

    void start(HttpConfig config = {}) {
        HttpHooks hooks;
        hooks.rpc = [this](std::string_view text, const CallContext& caller) {
            return dispatcher.handle(text, caller);
        };
        auto started = HttpServer::start(std::move(config), std::move(hooks));
        ASSERT_TRUE(started.ok());
        server = std::move(started).value();
    }
    void TearDown() override {
        if (server) server->stop();
    }
};

TEST_F(WebSocket, AnswersRequestsInTurn) {
    start();
    WsClient client(server->port());
    for (int i = 0; i < 20; ++i)
        client.send(R"({"jsonrpc":"2.0","id":)" + std::to_string(i) +
                    R"(,"method":"node_listMethods"})");
    for (int i = 0; i < 20; ++i) EXPECT_EQ(client.receive()["id"], i);
    client.send("{");
    EXPECT_EQ(client.receive()["error"]["code"], -32700);
}

TEST_F(WebSocket, BackfillsThenFollows) {
    start();
    limit = 100;
    WsClient client(server->port());
    const json reply = client.call("test_subscribe", json::object());
    EXPECT_EQ(reply["result"], "0x1");
    for (int i = 0; i < 100; ++i) {
        const json note = client.receive();
        EXPECT_EQ(note["method"], "assay_subscription");
        EXPECT_FALSE(note.contains("id"));
        EXPECT_EQ(note["params"]["subscription"], "0x1");
        EXPECT_EQ(note["params"]["result"], i);
    }
    for (int i = 100; i < 120; ++i) {
        ++limit;
        server->poke();
        EXPECT_EQ(client.receive()["params"]["result"], i);
    }
    EXPECT_EQ(server->counters().notifications, 120U);
}

TEST_F(WebSocket, UnsubscribeEndsNotifications) {
    start();
    WsClient client(server->port());
    EXPECT_EQ(client.call("test_subscribe", json::object())["result"], "0x1");
    EXPECT_EQ(client.call("test_subscribe", json::object())["result"], "0x2");
    EXPECT_EQ(client.call("test_unsubscribe", {{"id", "0x1"}})["result"], true);
    EXPECT_EQ(client.call("test_unsubscribe", {{"id", "0x1"}})["result"], false);
    limit = 3;
    server->poke();
    for (int i = 0; i < 3; ++i) {
        const json note = client.receive();
        EXPECT_EQ(note["params"]["subscription"], "0x2");
        EXPECT_EQ(note["params"]["result"], i);
    }
}

TEST_F(WebSocket, SubscriptionLimit) {
    start({.max_subscriptions = 2});
    WsClient client(server->port());
    client.call("test_subscribe", json::object());
    client.call("test_subscribe", json::object());
    EXPECT_EQ(client.call("test_subscribe", json::object())["error"]["data"]["code"],
              "limit_exceeded");
    EXPECT_EQ(server->counters().subscriptions, 2U);
}

TEST_F(WebSocket, ReaderThatFallsBehindGetsEverythingInOrder) {
    start({.max_write_queue = 1000});
    limit = 20'000;
    WsClient client(server->port());
    client.call("test_subscribe", json::object());
    for (int i = 0; i < 20'000; ++i) ASSERT_EQ(client.receive()["params"]["result"], i);
}

TEST_F(WebSocket, MessageLimitClosesTheConnection) {
    start({.max_body_bytes = 1000});
    WsClient client(server->port());
    client.send(std::string(2000, ' '));
    EXPECT_THROW(client.receive(), boost::system::system_error);
}

TEST_F(WebSocket, ForeignOriginIsRefused) {
    start();
    const auto reply = testing::raw_http(
        server->port(), testing::get_text("/",
                                          "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                                          "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
                                          "Origin: http://evil.example\r\n"));
    EXPECT_EQ(reply.status, 403);
}

TEST_F(WebSocket, PlainHttpCannotSubscribe) {
    start();
    const auto reply = testing::raw_http(
        server->port(),
        testing::post_text(R"({"jsonrpc":"2.0","id":1,"method":"test_subscribe"})"));
    EXPECT_EQ(json::parse(reply.body)["error"]["data"]["code"], "unsupported");
}

TEST_F(WebSocket, StopClosesConnections) {
    start();
    WsClient client(server->port());
    client.call("test_subscribe", json::object());
    server->stop();
    EXPECT_EQ(server->counters().connections, 0U);
    EXPECT_THROW(client.receive(), boost::system::system_error);
}

}  // namespace
}  // namespace assay::node
