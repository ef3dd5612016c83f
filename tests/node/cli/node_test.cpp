// The real program against a real node: every reading command, as text and as JSON, and the checks
// of what it exported.
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/node/cli/assay_program.h"

namespace assay::test {
namespace {

using nlohmann::json;
using Words = std::vector<std::string>;

constexpr char kId[] = "0x1111111111111111111111111111111111111111111111111111111111111111";
constexpr char kStranger[] = "0x52908400098527886E0F7030069857D2E4169EE7";

std::string joined(const Words& words) {
    std::string text = "assay";
    for (const auto& word : words) text += " " + word;
    return text;
}

class NodeTest : public ::testing::Test {
protected:
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

    Workplace place_;
};

TEST_F(NodeTest, ReadsProvesExportsAndAudits) {
    place_.make_home();
    ASSERT_FALSE(HasFatalFailure());
    const auto keys = ask({"keys", "list"});
    ASSERT_EQ(keys.size(), 1U);
    const std::string address = keys[0].value("address", "");
    EXPECT_EQ(ask_json({"keys", "new", "requester"}).value("name", ""), "requester");
    place_.start_node();
    ASSERT_FALSE(HasFatalFailure());

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
    EXPECT_FALSE(error_of({"job", "verify", kId}, 4).empty());
    EXPECT_FALSE(error_of({"provider", "stake", "bond", "99999999999999999999999"}, 2).empty());
    EXPECT_FALSE(error_of({"provider", "stake", "bond", "1", "--key", "nobody"}, 4).empty());
    EXPECT_GE(ask({"status"})["ledger"].value("height", 0), 1);
    EXPECT_EQ(ask({"ledger", "account", address}).value("nonce", 0), 1);
    EXPECT_EQ(ask({"ledger", "block", "1"})["block"]["header"].value("height", 0), 1);
    EXPECT_GE(ask({"ledger", "events"}).at("events").size(), 1U);

    // Nobody would take a job on a network without providers.
    const auto screened =
        ask({"job", "screen", std::string(ASSAY_SOURCE_DIR) + "/tests/testnet/tiny-job.json",
             "--data", std::string(ASSAY_SOURCE_DIR) + "/README.md"},
            4);
    EXPECT_EQ(screened.value("enough", true), false);

    // Proofs: made here, checked without the node below.
    const auto proven = ask({"audit", "prove", "--account", address, "--out", "account.json"});
    EXPECT_EQ(proven.value("verdict", ""), "pass");
    EXPECT_EQ(proven["decoded"].value("nonce", 0), 1);
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
    const auto made = ask_json({"provider", "init", "--moniker", "m", "--stake", "7", "--price",
                                "9", "--capacity", "2", "--threads", "1"});
    EXPECT_EQ(made.value("provider", false), true);
    const auto provider = json::parse(place_.read("home/config.json"))["provider"];
    EXPECT_EQ(provider.value("enabled", false), true);
    EXPECT_EQ(provider.value("moniker", ""), "m");
    EXPECT_EQ(provider.value("capacity", 0), 2);
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

}  // namespace
}  // namespace assay::test
