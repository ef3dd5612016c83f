// The real program against a real node: every reading command, as text and as JSON, and the checks
// of what it exported.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "node/core/free_port.h"
#include "tests/node/cli/assay_program.h"

namespace assay::test {
namespace {

using nlohmann::json;

constexpr char kStranger[] = "0x52908400098527886E0F7030069857D2E4169EE7";

std::string sample_text() {
    std::string text;
    while (text.size() < 4000) text += "the quick brown fox jumps over the lazy dog; ";
    return text;
}

std::string small_job() {
    return R"({
        "name": "cli test", "numerics": "OFA-1", "slices": 2, "seed": 7,
        "model": {"gpt": {"vocab": 256, "context": 16, "dModel": 16, "nLayer": 1, "nHead": 2}},
        "optimizer": {"lr": "0.004", "beta1": "0.9", "beta2": "0.95", "eps": "0.00000001",
                      "decay": "0.1", "clip": "1", "warmupSteps": 1, "minLr": "0.0004"},
        "plan": {"rounds": 1, "shards": 1, "localSteps": 5, "batch": 2},
        "terms": {"replicas": 3, "priceCeiling": "2000", "deadlineMs": 1800000}})";
}

class NodeTest : public ::testing::Test {
protected:
    // The providers measure and register first.
    json screen_when_ready(const Words& words) {
        json screened;
        for (int i = 0; i < 100; ++i) {
            const auto outcome = place_.run(words);
            screened = json::parse(outcome.out, nullptr, false);
            if (outcome.status == 0) break;
            std::this_thread::sleep_for(std::chrono::milliseconds(300));
        }
        return screened;
    }
    // Text in one run, JSON in the other.
    json ask(const Words& words, int status = 0) {
        const auto text = place_.run(words);
        EXPECT_EQ(text.status, status) << joined(words) << "\n" << text.err;
        EXPECT_FALSE(text.out.empty() && text.err.empty()) << joined(words);
        return ask_json(words, status);
    }
    json ask_json(Words words, int status = 0) {
        words.insert(words.begin(), "--json");
        const auto outcome = place_.run(words);
        EXPECT_EQ(outcome.status, status) << joined(words) << "\n" << outcome.out << outcome.err;
        EXPECT_EQ(outcome.err, "") << joined(words);
        auto document = json::parse(outcome.out, nullptr, false);
        EXPECT_FALSE(document.is_discarded()) << joined(words) << "\n" << outcome.out;
        return document;
    }
    std::string error_of(const Words& words, int status) {
        return ask(words, status)["error"].value("message", "");
    }

    void TearDown() override {
        const std::string net = place_.file("net");
        if (std::filesystem::exists(net)) (void)place_.run({"testnet", "down", "--dir", net});
    }

    Workplace place_;
};

TEST_F(NodeTest, ReadsProvesExportsAndAudits) {
    place_.make_home();
    ASSERT_FALSE(HasFatalFailure());
    const auto keys = ask({"keys", "list"});
    ASSERT_EQ(keys.size(), 1U);
    const std::string address = keys[0].value("address", "");
    EXPECT_EQ(ask_json({"keys", "new", "requester"}).value("name", ""), "requester");
    place_.start_node({"--json", "node"});
    ASSERT_FALSE(HasFatalFailure());
    const auto ready = json::parse(place_.read("node.out"), nullptr, false);
    const auto config = json::parse(place_.read("home/config.json"));
    EXPECT_EQ(ready.value("address", ""), address);
    EXPECT_EQ(ready.value("rpc", ""), "127.0.0.1:" + config.at("rpcPort").dump());
    EXPECT_EQ(ready.value("peer", ""), "127.0.0.1:" + config.at("peerPort").dump());
    EXPECT_NE(place_.read("node.err").find("info chain "), std::string::npos);

    // Money moves, so that there is something to read.
    const auto bonded = ask_json({"provider", "stake", "bond", "2000000000"});
    EXPECT_GT(bonded.value("blockHeight", 0), 0);
    EXPECT_EQ(ask({"provider", "stake", "show"})["stake"].value("bonded", ""), "2000000000");
    EXPECT_EQ(ask({"provider", "stake", "show", kStranger}).at("operator"), kStranger);
    const auto past = ask({"provider", "history"});
    ASSERT_GE(past.at("events").size(), 1U);
    EXPECT_EQ(past.at("events")[0].value("type", ""), "stake.bonded");
    EXPECT_EQ(past.at("operator"), address);
    EXPECT_EQ(ask({"provider", "list"}).at("providers").size(), 0U);
    EXPECT_EQ(ask({"job", "list"}).at("jobs").size(), 0U);
    EXPECT_NE(error_of({"provider", "earnings", kStranger}, 4).find("provider"), std::string::npos);
    EXPECT_FALSE(error_of({"job", "status", kId}, 4).empty());
    EXPECT_NE(error_of({"provider", "unjail"}, 5).find("is not in jail"), std::string::npos);
    EXPECT_NE(error_of({"provider", "set"}, 2).find("--price"), std::string::npos);
    EXPECT_NE(error_of({"provider", "set", "--price", "900"}, 4).find("no provider"),
              std::string::npos);
    EXPECT_FALSE(error_of({"job", "verify", kId}, 4).empty());
    EXPECT_FALSE(error_of({"provider", "stake", "bond", "99999999999999999999999"}, 2).empty());
    EXPECT_FALSE(error_of({"provider", "stake", "bond", "1", "--key", "nobody"}, 4).empty());
    // Nobody signals rules that its own program does not know.
    EXPECT_NE(error_of({"validator", "upgrade", "--version", "1000"}, 1).find("this program knows"),
              std::string::npos);
    EXPECT_GE(ask({"status"})["ledger"].value("height", 0), 1);
    EXPECT_EQ(ask({"ledger", "account", address}).value("nonce", 0), 1);
    EXPECT_EQ(ask({"ledger", "block", "1"})["block"]["header"].value("height", 0), 1);
    EXPECT_GE(ask({"ledger", "events"}).at("events").size(), 1U);

    // Signed here, submitted by whoever has it.
    const std::string body = "{\"to\":\"" + std::string(kStranger) + "\",\"amount\":\"77\"}";
    const auto sealed =
        ask_json({"tx", "sign", "--type", "transfer", "--body", body, "--out", "tx"});
    EXPECT_EQ(sealed["transaction"]["payload"].value("amount", ""), "77");
    EXPECT_EQ(sealed["transaction"].value("sender", ""), address);
    EXPECT_EQ(ask_json({"tx", "submit", "tx"}).value("hash", "-"), sealed.value("hash", ""));
    EXPECT_EQ(ask({"ledger", "account", kStranger}).value("balance", ""), "77");
    EXPECT_EQ(ask_json({"tx", "submit", "tx"}, 5)["error"].value("code", ""), "rejected");
    EXPECT_NE(
        error_of({"tx", "sign", "--type", "transfer", "--body", "{\"too\":1}", "--out", "x"}, 2)
            .find("body.too"),
        std::string::npos);
    EXPECT_NE(error_of({"tx", "sign", "--type", "gift", "--out", "x"}, 2).find("stake_bond"),
              std::string::npos);

    // Nobody would take a job on a network without providers.
    const auto screened =
        ask({"job", "screen", std::string(ASSAY_SOURCE_DIR) + "/tests/testnet/tiny-job.json",
             "--data", std::string(ASSAY_SOURCE_DIR) + "/README.md"},
            4);
    EXPECT_EQ(screened.value("enough", true), false);

    // Proofs: made here, checked without the node below.
    const auto proven = ask({"audit", "prove", "--account", address, "--out", "account.json"});
    EXPECT_EQ(proven.value("verdict", ""), "pass");
    EXPECT_EQ(proven["decoded"].value("nonce", 0), 2);
    EXPECT_EQ(proven.value("producerChecked", false), true);
    EXPECT_EQ(
        ask({"audit", "prove", "--event", "0", "--out", "event.json"})["decoded"].value("type", ""),
        "stake.bonded");
    EXPECT_TRUE(ask({"audit", "prove", "--job", kId}).at("decoded").is_null());

    EXPECT_GE(ask({"ledger", "export", "chain"}).value("height", 0), 1);  // over RPC
    place_.stop_node();
    EXPECT_GE(ask({"ledger", "export", "stopped"}).value("height", 0), 1);  // from the database

    EXPECT_EQ(ask({"audit", "prove", "--check", "account.json"}).value("verdict", ""), "pass");
    EXPECT_EQ(ask({"audit", "prove", "--check", "event.json", "--producer", address})
                  .value("verdict", ""),
              "pass");
    EXPECT_NE(error_of({"audit", "prove", "--check", "event.json", "--producer", kStranger}, 3)
                  .find("header.producer"),
              std::string::npos);
    auto changed = json::parse(place_.read("account.json"));
    std::string value = changed.at("value");
    value.back() = value.back() == '1' ? '2' : '1';
    changed["value"] = value;
    (void)place_.write("changed.json", changed.dump());
    EXPECT_EQ(error_of({"audit", "prove", "--check", "changed.json"}, 3).rfind("proof: ", 0), 0U);

    EXPECT_EQ(ask({"audit", "ledger", "chain"}).value("verdict", ""), "pass");
    EXPECT_NE(error_of({"audit", "task", "chain", kId}, 4).find("no task"), std::string::npos);
    EXPECT_NE(error_of({"audit", "lineage", "chain", "--job", kId}, 4).find("no job"),
              std::string::npos);
}

TEST_F(NodeTest, ABenchmarkHasFieldsInJson) {
    std::string best = place_.run({"--version"}).out;
    best.erase(0, best.find("backends: ") + 10);
    best.erase(best.find_first_of(" \n"));
    const auto report = ask_json({"bench", "compute", "--budget", "1", "--backend", best});
    ASSERT_EQ(report.at("backends").size(), 1U);
    for (const auto& each : report["backends"]) {
        EXPECT_FALSE(each.value("backend", "").empty());
        EXPECT_EQ(each.at("gemmMmacsPerSecond").size(), 3U);
        EXPECT_GT(each.value("stepNs", uint64_t{0}), 0U);
    }
    EXPECT_TRUE(report["stateRootBytesPerSecond"].is_number_unsigned());
    const auto kernels =
        ask_json({"bench", "compute", "--kernels", "--budget", "1", "--backend", best});
    ASSERT_FALSE(kernels.at("kernels").empty());
    for (const auto& each : kernels["kernels"]) EXPECT_TRUE(each.at("equal").get<bool>());
}

TEST_F(NodeTest, ComparesExportsAndNamesTheFirstDifference) {
    place_.make_home();
    ASSERT_FALSE(HasFatalFailure());
    place_.start_node();
    ASSERT_FALSE(HasFatalFailure());
    (void)ask_json({"provider", "stake", "bond", "2000000000"});
    (void)ask_json({"ledger", "export", "short"});
    (void)ask_json({"provider", "stake", "bond", "1"});
    place_.stop_node();
    (void)ask_json({"ledger", "export", "long"});

    EXPECT_EQ(ask({"audit", "diff", "long", "long"}).value("verdict", ""), "equal");
    const auto shorter = ask({"audit", "diff", "short", "long"}, 3);
    EXPECT_EQ(shorter.value("field", ""), "blocks");
    EXPECT_EQ(shorter.value("height", 0), shorter.value("equalBlocks", 0) + 1);

    std::string bytes = place_.read("long");
    const size_t at = bytes.find("2000000000", bytes.find("stake.bonded"));
    ASSERT_NE(at, std::string::npos);
    bytes[at] = '6';  // 2 000 units bonded
    (void)place_.write("forged", bytes);
    const auto forged = ask({"audit", "diff", "long", "forged"}, 3);
    EXPECT_EQ(forged.value("field", ""), "events[0]");
    EXPECT_NE(forged.value("second", "").find("amount=6000000000"), std::string::npos);
    EXPECT_NE(error_of({"audit", "ledger", "forged"}, 3)
                  .find("events[0].amount: recorded '6000000000'"
                        ", due '2000000000'"),
              std::string::npos);

    bytes[at] = '2';
    for (const size_t part : {3U, 50U, 97U}) {
        (void)place_.write("cut", bytes.substr(0, bytes.size() * part / 100));
        EXPECT_FALSE(error_of({"audit", "ledger", "cut"}, 3).empty()) << part;
        EXPECT_EQ(error_of({"audit", "diff", "cut", "long"}, 3).rfind("cut: ", 0), 0U) << part;
    }
}

TEST_F(NodeTest, AProviderHomeIsMadeFromAnExistingOne) {
    place_.make_home();
    ASSERT_FALSE(HasFatalFailure());
    EXPECT_EQ(ask({"init", "--producer"}, 1)["error"].value("code", ""), "already_exists");
    EXPECT_NE(error_of({"provider", "init", "--stake", "7"}, 2).find("--stake 1000000000"),
              std::string::npos);
    const auto made = ask_json({"provider", "init", "--moniker", "m", "--stake", "2000000000",
                                "--price", "9", "--capacity", "2", "--threads", "1"});
    EXPECT_EQ(made.value("provider", false), true);
    const auto provider = json::parse(place_.read("home/config.json"))["provider"];
    EXPECT_EQ(provider.value("enabled", false), true);
    EXPECT_EQ(provider.value("moniker", ""), "m");
    EXPECT_EQ(provider.value("capacity", 0), 2);
    EXPECT_EQ(provider.value("stake", uint64_t{0}), 2'000'000'000U);
    // Only what is given changes.
    (void)ask_json({"provider", "init", "--capacity", "3"});
    const auto again = json::parse(place_.read("home/config.json"))["provider"];
    EXPECT_EQ(again.value("capacity", 0), 3);
    EXPECT_EQ(again.value("moniker", ""), "m");
    EXPECT_EQ(error_of({"provider", "init", "--genesis", "x"}, 1).find("home") == std::string::npos,
              false);

    EXPECT_NE(error_of({"keys", "export", "none", "--out", "file"}, 4).find("'none'"),
              std::string::npos);
    EXPECT_NE(error_of({"keys", "export", "../escape", "--out", "file"}, 2).find("../escape"),
              std::string::npos);
    EXPECT_FALSE(std::filesystem::exists(place_.file("file")));

    const auto tested = ask_json({"provider", "self-test"});
    EXPECT_EQ(tested.value("verdict", ""), "pass");
    for (const auto& check : tested.at("checks")) {
        EXPECT_TRUE(check.value("passed", false)) << check.dump();
        EXPECT_FALSE(check.value("required", "").empty());
        EXPECT_FALSE(check.value("actual", "").empty());
    }
}

TEST_F(NodeTest, TheHomesOfANewNetworksValidators) {
    const auto passphrase = place_.write("passphrase", "a passphrase");
    std::filesystem::permissions(passphrase, std::filesystem::perms::owner_read);
    const auto made = ask_json({"--passphrase-file", passphrase, "init", "--engine", "cometbft",
                                "--validators", "2", "--host", "10.0.0.1", "--host", "10.0.0.2"});
    ASSERT_EQ(made.at("validators").size(), 2U);
    const auto first = place_.read("home/validator-1/genesis.bin");
    EXPECT_EQ(first, place_.read("home/validator-2/genesis.bin"));
    for (size_t i = 0; i < 2; ++i) {
        const std::string folder = "home/validator-" + std::to_string(i + 1);
        const auto config = json::parse(place_.read(folder + "/config.json"));
        EXPECT_EQ(config.value("engine", ""), "cometbft");
        EXPECT_EQ(config.value("engineHost", ""), "10.0.0." + std::to_string(i + 1));
        EXPECT_EQ(config.at("enginePeers"), json({made["validators"][1 - i].value("engine", "")}));
        const auto key =
            json::parse(place_.read(folder + "/engine/config/priv_validator_key.json"));
        EXPECT_EQ(key["pub_key"].value("type", ""), "tendermint/PubKeyEd25519");
    }
    // Who joins names a peer; a home that exists is left alone.
    const auto genesis = place_.file("home/validator-1/genesis.bin");
    EXPECT_NE(error_of({"--home", place_.file("n"), "init", "--genesis", genesis}, 2)
                  .find("--engine-peer"),
              std::string::npos);
    EXPECT_NE(error_of({"init", "--engine", "cometbft"}, 1).find("validator-1"), std::string::npos);
}

// A requester with a node of its own, which only follows: the providers fetch the data from it, and
// the model comes to it.
TEST_F(NodeTest, ARequesterPostsFromAFollowerOfItsOwn) {
    const std::string net = place_.file("net");
    ASSERT_EQ(place_.run({"testnet", "up", "--dir", net, "--nodes", "3"}).status, 0);
    const auto network = json::parse(place_.read("net/testnet.json"));
    const auto passphrase = place_.write("passphrase", "correct horse battery\n");
    std::filesystem::permissions(passphrase, std::filesystem::perms::owner_read);
    const auto port = [] { return std::to_string(*node::free_port()); };
    ASSERT_EQ(
        ask_json({"--passphrase-file", passphrase, "init", "--genesis",
                  net + "/producer/genesis.bin", "--peer", network["nodes"][0].value("peer", ""),
                  "--rpc-port", port(), "--peer-port", port()})
            .value("home", ""),
        place_.file("home"));
    const auto config = json::parse(place_.read("home/config.json"));
    EXPECT_EQ(config.value("keepArtifacts", true), false);
    std::filesystem::copy_file(passphrase, place_.file("home/passphrase"));
    const auto requester = ask_json({"keys", "new", "requester"}).value("address", "");
    place_.start_node();
    ASSERT_FALSE(HasFatalFailure());
    (void)ask_json({"--home", net + "/producer", "ledger", "transfer", requester, "1000000000",
                    "--key", "requester"});
    const auto text = place_.write("text", sample_text());
    const auto spec = place_.write("job.json", small_job());
    const json screened = screen_when_ready({"--json", "job", "screen", spec, "--data", text});
    ASSERT_EQ(screened.value("eligible", 0), 3);
    const Words post = {"job", "post", spec, "--data", text, "--key", "requester"};
    const auto posted = ask_json(post);
    const std::string job = posted.value("jobId", "");
    const auto watched = ask_json({"job", "watch", job});
    EXPECT_EQ(watched.value("state", ""), "done");
    EXPECT_TRUE(watched["loss"].is_string());
    bool is_here = false;
    for (int i = 0; i < 100 && !is_here; ++i) {
        is_here = place_.run({"job", "result", job, "--out", "model"}).status == 0;
        if (!is_here) std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    EXPECT_TRUE(is_here);
    EXPECT_EQ(ask({"job", "verify", job, "--folder", "model"}).value("verdict", ""), "pass");
    const json tasks = ask_json({"job", "status", job});
    EXPECT_EQ(tasks.value("tasksFinal", 0), tasks.value("tasksTotal", -1));
    // Data that this node does not have: said before anything is paid.
    auto strange = json::parse(small_job());
    strange["data"] = {{"root", kId}, {"size", 5000}};
    const auto elsewhere = place_.write("strange.json", strange.dump());
    EXPECT_NE(
        error_of({"job", "post", elsewhere, "--key", "requester"}, 4).find("not on this node"),
        std::string::npos);
}

// A whole network of this program: the commands that only a job gives something to do.
TEST_F(NodeTest, AJobFromScreenToVerify) {
    const std::string net = place_.file("net");
    const auto home = [&](const char* node, Words words) {
        words.insert(words.begin(), {"--home", net + "/" + node});
        return words;
    };
    ASSERT_EQ(place_.run({"testnet", "up", "--dir", net, "--nodes", "3"}).status, 0);
    const auto text = place_.write("text", sample_text());
    const auto spec = place_.write("job.json", small_job());
    const json screened =
        screen_when_ready(home("producer", {"--json", "job", "screen", spec, "--data", text}));
    EXPECT_EQ(screened.value("eligible", 0), 3);
    auto unpayable = json::parse(place_.read("job.json"));
    unpayable["terms"]["priceCeiling"] = "1";
    const auto cheap = place_.write("cheap.json", unpayable.dump());
    const auto none = ask(home("producer", {"job", "screen", cheap, "--data", text}), 4);
    EXPECT_EQ(none.value("eligible", 9), 0);
    for (const auto& provider : none.at("providers"))
        EXPECT_FALSE(provider.value("reason", "").empty()) << provider.dump();

    const auto posted =
        ask_json(home("producer", {"job", "post", spec, "--data", text, "--key", "requester"}));
    const std::string job = posted.value("jobId", "");
    ASSERT_EQ(place_.run(home("producer", {"job", "watch", job, "--quiet"})).status, 0);
    const auto watched = place_.run(home("producer", {"job", "watch", job}));
    for (const char* words : {"job done", "\nspent ", "\ncurve 0:"})
        EXPECT_NE(watched.out.find(words), std::string::npos) << words << watched.out;
    const auto above = ask(home("producer", {"job", "watch", job, "--max-final-loss", "0.1"}), 3);
    EXPECT_EQ(above["error"].value("code", ""), "loss_too_high");
    EXPECT_EQ(above.value("state", ""), "done");
    EXPECT_FALSE(
        error_of(home("producer", {"job", "watch", job, "--max-loss-ratio", "0.1"}), 3).empty());
    EXPECT_EQ(ask(home("producer", {"job", "list", "--state", "done"})).at("jobs").size(), 1U);
    const auto events = ask(home("producer", {"ledger", "events"})).at("events");
    EXPECT_EQ(events.back().value("type", ""), "job.done");
    EXPECT_EQ(ask(home("producer", {"ledger", "events", "--limit", "3"})).at("events").size(), 3U);
    EXPECT_EQ(ask(home("producer", {"provider", "list", "--limit", "2"}))["nextOffset"], 2);
    EXPECT_TRUE(ask(home("provider-1", {"provider", "status"})).at("slots").is_array());
    EXPECT_TRUE(
        ask(home("producer", {"job", "estimate", spec, "--data", text}))["jobMs"].is_number());
    EXPECT_EQ(ask_json(home("provider-1", {"provider", "set", "--price", "900", "--capacity", "3"}))
                  .value("codeName", ""),
              "ok");
    EXPECT_EQ(ask(home("provider-1", {"provider", "status"})).value("priceFloor", ""), "900");
    EXPECT_EQ(json::parse(place_.read("net/provider-1/config.json"))["provider"]["priceFloor"],
              900);
    EXPECT_EQ(ask(home("producer", {"job", "result", job, "--out", "model"})).value("folder", ""),
              "model");
    EXPECT_EQ(ask(home("producer", {"job", "verify", job, "--folder", "model"})).value("tasks", 0),
              1);
    EXPECT_EQ(ask(home("producer", {"job", "verify", job})).value("verdict", ""), "pass");

    // Each delivered file, changed in one bit or cut.
    const auto refuse = [&](const std::string& file, const std::string& says) {
        const std::string whole = place_.read("model/" + file);
        std::string changed = whole;
        changed[changed.size() / 2] = static_cast<char>(changed[changed.size() / 2] ^ 1);
        for (const auto& bytes : {changed, whole.substr(0, whole.size() / 2), std::string()}) {
            (void)place_.write("model/" + file, bytes);
            const auto why =
                error_of(home("producer", {"job", "verify", job, "--folder", "model"}), 3);
            EXPECT_NE(why.find(says), std::string::npos) << why;
        }
        (void)place_.write("model/" + file, whole);
    };
    refuse("checkpoint.safetensors", "checkpoint.safetensors: ");
    refuse("model.safetensors", "model.safetensors: ");

    ask(home("producer", {"ledger", "export", "chain"}));
    const auto lineage = ask({"audit", "lineage", "chain", "--job", job});
    const std::string task = lineage.at("tasks")[0].at("task");
    const auto life = ask({"audit", "task", "chain", task});
    EXPECT_EQ(life.value("votes", 0), 3);
    EXPECT_EQ(life.at("events").front().value("type", ""), "task.posted");
    EXPECT_EQ(life.at("events").back().value("type", ""), "task.final");
    EXPECT_EQ(
        ask({"audit", "recompute", "chain", "--task", task, "--blobs", net + "/producer/blobs"})
            .value("verdict", ""),
        "pass");
    uint64_t paid = 0;
    for (const char* node : {"provider-1", "provider-2", "provider-3"}) {
        const auto earned = ask(home(node, {"provider", "earnings"}));
        EXPECT_EQ(earned.at("jobs").size(), 1U);
        EXPECT_EQ(earned.value("paid", ""), earned.value("paidEver", "-"));
        paid += std::stoull(earned.value("paid", "0"));
    }
    EXPECT_EQ(std::to_string(paid),
              ask(home("producer", {"job", "status", job})).value("spent", ""));
}

}  // namespace
}  // namespace assay::test
