// Wrong input to the real program: an exit status that says what kind of failure it is, one line
// that names what and where, and nothing written.
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/node/cli/assay_program.h"

namespace assay::test {
namespace {

using nlohmann::json;

struct Refusal {
    Words words;
    int status = 0;
    std::vector<std::string> says;  // each must be in the one line
};

class RefusalsTest : public ::testing::Test {
protected:
    // Once as text and once with --json.
    void expect(const Refusal& refusal) {
        const auto before = place_.contents();
        const auto outcome = place_.run(refusal.words);
        const std::string name = joined(refusal.words) + "\n" + outcome.err + outcome.out;
        EXPECT_EQ(outcome.status, refusal.status) << name;
        EXPECT_EQ(outcome.out, "") << name;
        EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << name;
        EXPECT_EQ(outcome.err.rfind("assay", 0), 0U) << name;
        EXPECT_EQ(outcome.err.find("internal error"), std::string::npos) << name;
        EXPECT_LT(outcome.err.size(), 1200U) << name;
        for (const auto& text : refusal.says)
            EXPECT_NE(outcome.err.find(text), std::string::npos) << "'" << text << "' in " << name;

        Words with_json = {"--json"};
        with_json.insert(with_json.end(), refusal.words.begin(), refusal.words.end());
        const auto as_json = place_.run(with_json);
        EXPECT_EQ(as_json.status, refusal.status) << name;
        EXPECT_EQ(as_json.err, "") << name;
        const auto document = json::parse(as_json.out, nullptr, false);
        ASSERT_TRUE(document.is_object() && document.contains("error")) << name << as_json.out;
        EXPECT_FALSE(document["error"].value("code", "").empty()) << name;
        for (const auto& text : refusal.says)
            EXPECT_NE(document["error"].value("message", "").find(text), std::string::npos)
                << "'" << text << "' in " << as_json.out;
        EXPECT_EQ(place_.contents(), before) << name;
    }
    void expect_all(const std::vector<Refusal>& refusals) {
        for (const auto& refusal : refusals) expect(refusal);
    }

    Workplace place_;
};

TEST_F(RefusalsTest, WithoutAHome) {
    const std::string remedy = "Remedy: assay init";
    expect_all({
        {{"node"}, 4, {"home/config.json does not exist", remedy}},
        {{"provider", "run"}, 4, {"config.json does not exist", remedy}},
        {{"provider", "init"}, 2, {"--genesis FILE", "--peer"}},
        {{"status"}, 4, {"config.json does not exist", remedy}},
        {{"job", "list"}, 4, {"config.json does not exist", remedy}},
        {{"provider", "earnings"}, 4, {"config.json does not exist", remedy}},
        {{"ledger", "export", "chain"}, 4, {"config.json does not exist", remedy}},
        {{"init"}, 2, {"--producer", "--genesis FILE"}},
        {{"init", "--producer", "--chain-id", "No Chain"}, 2, {"--chain-id 'No Chain'"}},
        {{"init", "--genesis", "none"}, 4, {"none"}},
        {{"init", "--genesis", "."}, 1, {"."}},
        {{"job", "list", "--rpc", "127.0.0.1:1"}, 4, {"127.0.0.1:1", "is it running?"}},
        {{"job", "list", "--rpc", "nonsense"}, 2, {"nonsense"}},
        {{"job", "list", "--rpc", "127.0.0.1:99999"}, 2, {"99999"}},
    });
}

TEST_F(RefusalsTest, BadNumbers) {
    expect_all({
        {{"ledger", "block", "abc"}, 2, {"assay ledger block: ", "height", "abc"}},
        {{"ledger", "block", "-1"}, 2, {"assay ledger block: "}},
        {{"init", "--engine", "raft"}, 2, {"--engine", "raft"}},
        {{"init", "--engine", "cometbft", "--producer"}, 2, {"--producer"}},
        {{"init", "--engine", "cometbft", "--validators", "0"}, 2, {"--validators", "range 1"}},
        {{"init", "--engine", "cometbft", "--validators", "2", "--host", "a"}, 2, {"--host"}},
        {{"init", "--producer", "--stake", "-3"}, 2, {"--stake", "'-3'"}},
        {{"init", "--producer", "--stake", "10000000"}, 2, {"1000 coins", "--stake 1000000000"}},
        {{"init", "--producer", "--rpc-port", "7000", "--peer-port", "7000"}, 2, {"7000"}},
        {{"init", "--producer", "--rpc-port", "70000"}, 2, {"--rpc-port"}},
        {{"init", "--producer", "--announce", "203.0.113.9"}, 2, {"--announce", "host:port"}},
        {{"testnet", "up", "--dir", "net", "--nodes", "3", "--fault", "late=4"},
         2,
         {"4 faults for 3 providers"}},
        {{"audit", "prove", "--event", "-1"}, 2, {"--event", "'-1'"}},
        {{"ledger", "events", "--from", "1e9"}, 2, {"--from", "1e9"}},
        {{"provider", "init", "--capacity", "0"}, 2, {"--capacity", "range 1 to 64"}},
        {{"provider", "init", "--threads", "many"}, 2, {"--threads"}},
        {{"provider", "init", "--price", "1.5"}, 2, {"--price", "1.5"}},
        {{"provider", "history", "--limit", "x"}, 2, {"--limit"}},
        {{"provider", "stake", "bond", "ten"}, 2, {"amount 'ten'", "1000000000"}},
        {{"provider", "stake", "bond", "1.5"}, 2, {"amount '1.5'"}},
        {{"provider", "stake", "unbond", ""}, 2, {"amount ''"}},
        {{"audit", "recompute", "x", "--tasks", "-3"}, 2, {"--tasks"}},
        {{"audit", "prove", "--event", "first"}, 2, {"--event", "first"}},
        {{"bench", "ledger", "--transactions", "1k"}, 2, {"--transactions"}},
    });
}

TEST_F(RefusalsTest, BadKeysAndIds) {
    expect_all({
        {{"audit", "prove"}, 2, {"--account", "--check FILE"}},
        {{"audit", "prove", "--job", "0x12"}, 2, {"'0x12'", "64 hexadecimal digits"}},
        {{"audit", "prove", "--account", "0x12"}, 2, {"0x12"}},
        {{"audit", "prove", "--account", "0x52908400098527886E0F7030069857D2E4169Ee7"}, 2, {}},
        {{"audit", "prove", "--key", "zz"}, 2, {"--key 'zz'"}},
        {{"audit", "prove", "--job", kId, "--task", kId}, 2, {"give one of"}},
        {{"audit", "task", "x", "12"}, 2, {"'12'", "64 hexadecimal digits"}},
        {{"job", "verify", "12"}, 2, {"'12'", "64 hexadecimal digits"}},
        {{"job", "verify", kId, "--folder", "none"},
         4,
         {"--folder none", "Remedy: assay job result"}},
        {{"data", "export", "0x12", "--out", "file"}, 2, {"root '0x12'"}},
        {{"keys", "list"}, 4, {"no keys in", "Remedy: assay init"}},
        {{"keys", "export", "node", "--out", "file"}, 4, {"no keys in"}},
        {{"keys", "import", "wallet", "missing"}, 4, {"missing"}},
    });
}

TEST_F(RefusalsTest, FilesThatAreNot) {
    (void)place_.write("empty", "");
    (void)place_.write("text", "this is not it\n");
    (void)place_.write("list", "[1, 2]");
    (void)place_.write("huge", std::string((1 << 20) + 1, ' '));
    (void)place_.write("open", "secret\n");
    std::filesystem::create_directory(place_.file("folder"));
    const auto job = [](const char* file) {
        return Words{"job", "screen", file, "--rpc", "127.0.0.1:1"};
    };
    expect_all({
        {{"audit", "ledger", "missing"}, 4, {"file: cannot read 'missing'"}},
        {{"audit", "ledger", "folder"}, 1, {"file: cannot read 'folder'"}},
        {{"audit", "ledger", "empty"}, 3, {"file.magic: the file ends too early"}},
        {{"audit", "ledger", "text"}, 3, {"file.magic: this is not a ledger export"}},
        {{"audit", "lineage", "missing", "--job", kId}, 4, {"'missing'"}},
        {{"audit", "task", "empty", kId}, 3, {"file.magic"}},
        {{"audit", "recompute", "missing"}, 2, {"--job ID or --task ID"}},
        {{"audit", "recompute", "text", "--job", kId}, 4, {"no chunk store", "--blobs"}},
        {{"audit", "recompute", "text", "--job", kId, "--blobs", "folder"},
         4,
         {"folder is no chunk store"}},
        {{"audit", "diff", "missing", "text"}, 4, {"missing"}},
        {{"audit", "diff", "text", "missing"}, 3, {"text: file.magic"}},
        {{"audit", "task", "missing", kId}, 4, {"'missing'"}},
        {{"audit", "diff", "empty", "text"}, 3, {"empty: file.magic"}},
        {{"audit", "prove", "--check", "missing"}, 4, {"missing"}},
        {{"audit", "prove", "--check", "folder"}, 1, {"folder"}},
        {{"audit", "prove", "--check", "empty"}, 2, {"empty is no proof file", "Remedy: "}},
        {{"audit", "prove", "--check", "list"}, 2, {"list is no proof file"}},
        {job("missing"), 4, {"missing"}},
        {job("folder"), 1, {"folder"}},
        {job("empty"), 2, {"empty is not a JSON object", "docs/job-spec.md"}},
        {job("list"), 2, {"list is not a JSON object"}},
        {job("huge"), 1, {"huge"}},
        {{"data", "import", "missing"}, 4, {"missing is not a file that can be read"}},
        {{"data", "import", "folder"}, 4, {"folder is not a file that can be read"}},
        {{"job", "sample", "missing"}, 4, {"missing"}},
        {{"job", "sample", "text"}, 3, {"text"}},
        {{"job", "sample", "text", "--temperature", "hot"}, 2, {"--temperature 'hot'"}},
        {{"self-test", "--vectors", "missing"}, 4, {"missing"}},
        {{"provider", "self-test", "--vectors", "missing"}, 4, {"--vectors missing"}},
    });
}

TEST_F(RefusalsTest, ADamagedConfigurationIsNamedByField) {
    std::filesystem::create_directory(place_.file("home"));
    (void)place_.write("home/config.json", "{\"rpcPort\": \"many\"}");
    expect({{"status"}, 2, {"config.json: field 'rpcPort' is \"many\""}});
    (void)place_.write("home/config.json", "{\"rcpPort\": 1}");
    expect({{"job", "list"}, 2, {"unknown field 'rcpPort'", "Remedy: "}});
    (void)place_.write("home/config.json", "{\"rpcPort\": ");
    expect({{"provider", "run"}, 2, {"config.json is not JSON"}});
    (void)place_.write("home/config.json", "");
    expect({{"node"}, 2, {"config.json is not JSON"}});
}

}  // namespace
}  // namespace assay::test
