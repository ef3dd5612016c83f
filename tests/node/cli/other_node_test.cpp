// The real program against a node that is not ours: what it is told, and how far it is believed.
#include <gtest/gtest.h>

#include <filesystem>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>

#include "node/rpc/http_server.h"
#include "tests/node/cli/assay_program.h"

namespace assay::test {
namespace {

using nlohmann::json;

// Answers as it is told to and keeps the tokens it saw.
class OtherNode {
public:
    explicit OtherNode(const std::string& host = "127.0.0.1") : host_(host) {
        node::HttpHooks hooks;
        hooks.rpc = [this](std::string_view text, const node::CallContext&) {
            const auto call = json::parse(text);
            const std::lock_guard lock(mutex_);
            const json result = call.at("method") == "ledger_getAccount" ? account_ : status_;
            return std::optional<std::string>(
                json{{"jsonrpc", "2.0"}, {"id", call.at("id")}, {"result", result}}.dump());
        };
        hooks.authenticate = [this](std::string_view token) {
            const std::lock_guard lock(mutex_);
            tokens_.insert(std::string(token));
            return std::optional<node::Role>(node::Role::kAdmin);
        };
        server_ = node::HttpServer::start({.host = host}, std::move(hooks)).value();
    }
    [[nodiscard]] std::string address() const {
        return host_ + ":" + std::to_string(server_->port());
    }
    void says(const json& status, const json& account) {
        const std::lock_guard lock(mutex_);
        status_ = status;
        account_ = account;
    }
    std::set<std::string> tokens() {
        const std::lock_guard lock(mutex_);
        return tokens_;
    }

private:
    const std::string host_;
    std::mutex mutex_;
    // Guarded by mutex_.
    json status_ = json::object(), account_ = json::object();
    std::set<std::string> tokens_;
    std::unique_ptr<node::HttpServer> server_;
};

json status_with(const json& height, const json& fee) {
    return {{"chainId", "other-chain"}, {"height", height}, {"params", {{"minFee", fee}}}};
}

class OtherNodeTest : public ::testing::Test {
protected:
    Outcome sign(const OtherNode& node, const Words& more = {}) {
        Words words = {"--json", "--rpc", node.address(), "tx", "sign", "--type", "transfer"};
        words.insert(
            words.end(),
            {"--body", R"({"to":"0x52908400098527886E0F7030069857D2E4169EE7","amount":"1"})",
             "--out", "signed"});
        words.insert(words.end(), more.begin(), more.end());
        return place_.run(words);
    }
    Workplace place_;
};

TEST_F(OtherNodeTest, WhatItAsksToSignIsShownAndHasBounds) {
    place_.make_home();
    ASSERT_FALSE(HasFatalFailure());
    OtherNode node;
    node.says(status_with(7, "1000"), {{"nextNonce", 3}});
    const auto made = sign(node);
    ASSERT_EQ(made.status, 0) << made.out;
    const auto terms = json::parse(made.out);
    EXPECT_EQ(terms.value("chainId", ""), "other-chain");
    EXPECT_EQ(terms.value("nonce", 0), 3);
    EXPECT_EQ(terms.value("fee", ""), "1000");
    EXPECT_EQ(terms.value("expiryHeight", 0), 207);
    EXPECT_EQ(std::filesystem::status(place_.file("signed")).permissions(),
              std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    std::filesystem::remove(place_.file("signed"));

    const auto refused = [&](const std::string& text) {
        const auto outcome = sign(node);
        EXPECT_NE(outcome.status, 0);
        EXPECT_NE(outcome.out.find(text), std::string::npos) << outcome.out;
        EXPECT_EQ(outcome.out.find("internal error"), std::string::npos) << outcome.out;
        EXPECT_FALSE(std::filesystem::exists(place_.file("signed"))) << text;
    };
    node.says(status_with(7, "5000000000"), {{"nextNonce", 3}});
    refused("--fee 5000000000");
    node.says(status_with(7, "12x"), {{"nextNonce", 3}});
    refused("minFee");
    node.says(status_with(7, "99999999999999999999999"), {{"nextNonce", 3}});
    refused("minFee");
    node.says(status_with(-7, "1000"), {{"nextNonce", 3}});
    refused("height");
    node.says(status_with(uint64_t{0} - 1, "1000"), {{"nextNonce", 3}});
    refused("height");
    node.says(status_with(7, "1000"), {{"nextNonce", "soon"}});
    refused("nextNonce");
    node.says({{"chainId", 5}}, {{"nextNonce", 3}});
    refused("chain");
    node.says(json::array(), json::array());
    refused("chain");

    node.says(status_with(7, "5000000000"), {{"nextNonce", 3}});
    EXPECT_EQ(sign(node, {"--fee", "5000000000"}).status, 0);  // asked for
}

TEST_F(OtherNodeTest, TheCookieOfTheHomeGoesToNoOtherMachine) {
    std::filesystem::create_directories(place_.file("home"));
    std::filesystem::permissions(place_.write("home/rpc.cookie", "the-cookie"),
                                 std::filesystem::perms::owner_read);
    OtherNode here;
    OtherNode elsewhere("127.0.0.2");  // an address that is not known to be this machine
    (void)place_.run({"job", "list", "--rpc", here.address()});
    (void)place_.run({"job", "list", "--rpc", elsewhere.address()});
    EXPECT_EQ(here.tokens(), std::set<std::string>{"the-cookie"});
    EXPECT_EQ(elsewhere.tokens(), std::set<std::string>{""});
}

}  // namespace
}  // namespace assay::test
