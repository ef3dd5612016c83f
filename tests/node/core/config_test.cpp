// config.json: round trip, and one clear error for each kind of mistake.
#include "node/core/config.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace assay::node {
namespace {

using nlohmann::json;

class ConfigTest : public ::testing::Test {
protected:
    Result<NodeConfig> load(const std::string& text) {
        EXPECT_TRUE(write_text(file_, text, 0644).ok());
        return load_config(file_);
    }
    // The message of the refusal.
    std::string refusal(const std::string& text) {
        const auto config = load(text);
        EXPECT_FALSE(config.ok()) << text;
        if (config.ok()) return {};
        EXPECT_EQ(config.error().code, Code::kInvalidArgument);
        return config.error().message;
    }
    const ScratchFolder folder_ = ScratchFolder::make({}, "assay-config-").value();
    const std::filesystem::path file_ = folder_.path() / "config.json";
};

void expect_names(const std::string& message, const std::vector<std::string>& parts) {
    for (const auto& part : parts) {
        EXPECT_NE(message.find(part), std::string::npos) << "'" << part << "' in: " << message;
    }
}

TEST_F(ConfigTest, WhatIsSavedIsLoaded) {
    NodeConfig config;
    config.engine = EngineKind::kProducer;
    config.key = "main";
    config.rpc_host = "0.0.0.0";
    config.rpc_port = 1;
    config.peer_port = 65535;
    config.peers = {"a:1", "b:2"};
    config.block_interval_ms = 7;
    config.heartbeat_ms = 8;
    config.keep_artifacts = true;
    config.blob_limit_mb = 9;
    config.log_level = "warn";
    config.log_format = LogFormat::kJson;
    config.provider = {true, "m", 10, 11, 12, "portable", 13, 14, "late"};
    ASSERT_TRUE(save_config(config, file_).ok());
    const auto loaded = load_config(file_);
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    EXPECT_EQ(loaded->engine, EngineKind::kProducer);
    EXPECT_EQ(loaded->key, "main");
    EXPECT_EQ(loaded->rpc_host, "0.0.0.0");
    EXPECT_EQ(loaded->rpc_port, 1);
    EXPECT_EQ(loaded->peer_port, 65535);
    EXPECT_EQ(loaded->peers, (std::vector<std::string>{"a:1", "b:2"}));
    EXPECT_EQ(loaded->block_interval_ms, 7U);
    EXPECT_EQ(loaded->heartbeat_ms, 8U);
    EXPECT_TRUE(loaded->keep_artifacts);
    EXPECT_EQ(loaded->blob_limit_mb, 9U);
    EXPECT_EQ(loaded->log_level, "warn");
    EXPECT_EQ(loaded->log_format, LogFormat::kJson);
    EXPECT_TRUE(loaded->provider.enabled);
    EXPECT_EQ(loaded->provider.moniker, "m");
    EXPECT_EQ(loaded->provider.price_floor, 10U);
    EXPECT_EQ(loaded->provider.capacity, 11U);
    EXPECT_EQ(loaded->provider.stake, 12U);
    EXPECT_EQ(loaded->provider.backend, "portable");
    EXPECT_EQ(loaded->provider.threads, 13U);
    EXPECT_EQ(loaded->provider.devices, 14U);
    EXPECT_EQ(loaded->provider.fault, "late");
}

TEST_F(ConfigTest, AbsentFieldsKeepTheirDefaults) {
    const auto config = load("{}");
    ASSERT_TRUE(config.ok());
    EXPECT_EQ(config->rpc_host, "127.0.0.1");
    EXPECT_EQ(config->engine, EngineKind::kFollower);
    EXPECT_FALSE(config->provider.enabled);
}

TEST_F(ConfigTest, EachMistakeIsNamed) {
    expect_names(refusal("{"), {file_.string(), "not JSON"});
    expect_names(refusal("[]"), {file_.string(), "object"});
    expect_names(refusal(R"({"rpcport": 1})"), {"rpcport", "spelling"});
    expect_names(refusal(R"({"rpcPort": 65536})"), {"rpcPort", "65536", "0 to 65535"});
    expect_names(refusal(R"({"rpcPort": -1})"), {"rpcPort", "-1"});
    expect_names(refusal(R"({"rpcPort": "80"})"), {"rpcPort", "\"80\""});
    expect_names(refusal(R"({"peers": "a:1"})"), {"peers", "list"});
    expect_names(refusal(R"({"engine": "miner"})"), {"engine", "producer", "follower"});
    expect_names(refusal(R"({"logFormat": "xml"})"), {"logFormat", "text", "json"});
    expect_names(refusal(R"({"logLevel": "loud"})"), {"logLevel", "loud", "debug"});
    expect_names(refusal(R"({"blockIntervalMs": 0})"), {"blockIntervalMs"});
    expect_names(refusal(R"({"provider": 1})"), {"provider", "object"});
    expect_names(refusal(R"({"provider": {"provider": {}}})"), {"unknown field 'provider'"});
    expect_names(refusal(R"({"provider": {"priceFloor": 0}})"),
                 {"provider.priceFloor", "at least 1"});
    expect_names(refusal(R"({"provider": {"capacity": 0}})"), {"provider.capacity", "1 to 64"});
    expect_names(refusal(R"({"provider": {"threads": 257}})"), {"provider.threads", "1 to 256"});
    expect_names(refusal(R"({"provider": {"devices": 65}})"), {"provider.devices", "0 to 64"});
    expect_names(refusal(R"({"provider": {"fault": "lazy"}})"), {"lazy", "silent"});
}

TEST_F(ConfigTest, AProviderAnnouncesAnAddressThatOthersReach) {
    const auto check = [](const std::string& host) {
        NodeConfig config;
        config.peer_host = host;
        return check_announced(config);
    };
    for (const char* host : {"127.0.0.1", "192.0.2.7", "node.example"})
        EXPECT_TRUE(check(host).ok()) << host;
    for (const char* host : {"", "0.0.0.0", "::", "[::]"}) {
        const auto checked = check(host);
        ASSERT_FALSE(checked.ok()) << host;
        EXPECT_EQ(checked.error().code, Code::kInvalidArgument) << host;
    }
    expect_names(check("0.0.0.0").error().message, {"peerHost", "0.0.0.0", "Remedy"});
    NodeConfig behind_nat;
    behind_nat.peer_host = "0.0.0.0";
    behind_nat.announce = "203.0.113.9:8651";
    EXPECT_TRUE(check_announced(behind_nat).ok());
    EXPECT_EQ(port_of(behind_nat.announce), 8651);
    EXPECT_EQ(port_of("[2001:db8::1]:9"), 9);
    for (const char* wrong : {"203.0.113.9", ":8651", "host:", "host:0", "host:65536", "host:8x"})
        expect_names(refusal(std::string(R"({"announce": ")") + wrong + "\"}"),
                     {"announce", wrong, "host:port"});
}

TEST_F(ConfigTest, AMissingFileNamesTheRemedy) {
    const auto config = load_config(folder_.path() / "absent" / "config.json");
    ASSERT_FALSE(config.ok());
    EXPECT_EQ(config.error().code, Code::kNotFound);
    expect_names(config.error().message, {"assay init --home", "absent"});
}

TEST_F(ConfigTest, EveryFieldIsDocumented) {
    ASSERT_TRUE(save_config({}, file_).ok());
    const auto document = json::parse(read_text(file_, 1 << 20).value());
    const auto page =
        read_text(std::filesystem::path(ASSAY_SOURCE_DIR) / "docs/configuration.md", 1 << 20);
    ASSERT_TRUE(page.ok());
    for (const auto& [name, value] : document.items()) {
        EXPECT_NE(page->find("`" + name + "`"), std::string::npos) << name;
    }
    for (const auto& [name, value] : document["provider"].items()) {
        EXPECT_NE(page->find("`provider." + name + "`"), std::string::npos) << name;
    }
}

}  // namespace
}  // namespace assay::node
