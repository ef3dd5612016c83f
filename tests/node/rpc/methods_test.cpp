// The table of methods over a fake node: every example is replayed over a socket, every read says
// where it was made, and the descriptions match the table.
#include <algorithm>
#include <fstream>
#include <sstream>
#include <thread>

#include "contracts/commitment.h"
#include "contracts/transactions.h"
#include "ledger/codec/transaction.h"
#include "ledger/engine/next_transaction.h"
#include "node/rpc/client.h"
#include "node/rpc/discover.h"
#include "node/rpc/job_json.h"
#include "node/rpc/methods.h"
#include "node/rpc/rpc_service.h"
#include "tests/node/rpc/fake_node.h"
#include "tests/node/rpc/rpc_fixture.h"

namespace assay::node {
namespace {

using nlohmann::json;
using testing::FakeNode;
using testing::filled_address;
using testing::filled_hash;

const std::string kJob = "0x" + to_hex(filled_hash(0x22));
const std::string kAppHash = "0x" + to_hex(filled_hash(0xaa));

class Rpc : public ::testing::Test {
protected:
    FakeNode node;
    std::filesystem::path home;
    std::unique_ptr<Auth> auth;
    std::unique_ptr<RpcService> service;
    std::unique_ptr<RpcClient> client;  // with the cookie

    void SetUp() override {
        std::string name = (std::filesystem::temp_directory_path() / "assay_rpc_XXXXXX").string();
        ASSERT_NE(mkdtemp(name.data()), nullptr);
        home = name;
        auth = std::make_unique<Auth>(std::move(Auth::open(home)).value());
        auto started = RpcService::start({}, node.services(), *auth, {});
        ASSERT_TRUE(started.ok()) << started.error().message;
        service = std::move(started).value();
        client = std::make_unique<RpcClient>(
            RpcEndpoint{.port = service->port(), .token = *read_cookie(home)});
    }
    void TearDown() override {
        service->stop();
        EXPECT_FALSE(std::filesystem::exists(home / "rpc.cookie"));
        std::filesystem::remove_all(home);
    }
    json call(const std::string& method, const json& params) {
        auto result = client->call(method, params);
        EXPECT_TRUE(result.ok()) << method << ": " << result.error().message;
        return result.ok() ? *result : json();
    }
    Error error_of(const std::string& method, const json& params) {
        const auto result = client->call(method, params);
        EXPECT_FALSE(result.ok()) << method;
        return result.ok() ? Error{Code::kOk, ""} : result.error();
    }
    // Puts the transaction that will be submitted next into a block.
    void find_submitted(ledger::TxCode code) {
        const std::lock_guard lock(node.engine.mutex);
        pb::TxResult result;
        result.set_code(static_cast<uint32_t>(code));
        result.set_fee_charged(10);
        node.engine.found[ledger::tx_hash(node.engine.submitted.back())] = {2, 0, result};
    }
};

std::vector<Method> full_table() {
    FakeNode node;
    Services services = node.services();
    ChainWatch watch(services.engine, {});
    BlockCache blocks(services.engine);
    Submitter submitter(services, watch);
    return Dispatcher(build_methods({&services, &submitter, &blocks})).methods();
}

TEST_F(Rpc, EveryExampleIsAnswered) {
    const std::vector<std::string> no_point = {"tx_submit",       "node_getPeers",
                                               "rpc.discover",    "node_listMethods",
                                               "assay_subscribe", "assay_unsubscribe"};
    testing::WsClient socket(service->port());
    size_t replayed = 0;
    for (const Method& method : full_table()) {
        json params = json::parse(method.example);
        if (method.role == Role::kSpend) params["mode"] = "sync";
        const bool by_socket = method.name.starts_with("assay_");
        const json reply = by_socket ? socket.call(method.name, params)
                                     : json{{"result", call(method.name, params)}};
        if (method.name == "assay_subscribe")  // its back-fill: two events of the job
            for (int i = 0; i < 2; ++i) socket.receive();
        ASSERT_TRUE(reply.contains("result")) << method.name << reply.dump();
        ++replayed;
        const bool has_point = std::ranges::find(no_point, method.name) == no_point.end();
        if (method.role != Role::kRead || !has_point) continue;
        EXPECT_EQ(reply["result"].value("height", 0), 3) << method.name;
        EXPECT_EQ(reply["result"].value("appHash", ""), kAppHash) << method.name;
    }
    EXPECT_EQ(replayed, full_table().size());
}

TEST_F(Rpc, DiscoverListsTheWholeTable) {
    const json document = call("rpc.discover", json::object());
    const auto table = full_table();
    ASSERT_EQ(document["methods"].size(), table.size());
    for (size_t i = 0; i < table.size(); ++i) {
        const json& described = document["methods"][i];
        EXPECT_EQ(described["name"], table[i].name);
        EXPECT_EQ(described["x-role"], role_name(table[i].role));
        ASSERT_EQ(described["params"].size(), table[i].params.size()) << table[i].name;
        for (const Param& param : table[i].params)
            EXPECT_FALSE(param.description.empty()) << table[i].name << "." << param.name;
        EXPECT_FALSE(table[i].summary.empty());
        EXPECT_FALSE(table[i].result.empty()) << table[i].name;
    }
    EXPECT_EQ(call("node_listMethods", json::object())["methods"].size(), table.size());
}

TEST_F(Rpc, SpendingNeedsARole) {
    RpcClient reader({.port = service->port()});
    const std::string read_token = *auth->create_token("reader", Role::kRead);
    const std::string spend_token = *auth->create_token("spender", Role::kSpend);
    RpcClient with_read({.port = service->port(), .token = read_token});
    RpcClient with_spend({.port = service->port(), .token = spend_token});
    size_t spending = 0;
    for (const Method& method : full_table()) {
        if (method.role != Role::kSpend) continue;
        ++spending;
        json params = json::parse(method.example);
        params["mode"] = "sync";
        EXPECT_EQ(reader.call(method.name, params).error().code, Code::kUnauthorized);
        EXPECT_EQ(with_read.call(method.name, params).error().code, Code::kUnauthorized);
        EXPECT_TRUE(with_spend.call(method.name, params).ok()) << method.name;
    }
    EXPECT_EQ(spending, 11U);
}

TEST_F(Rpc, ReadsShowTheState) {
    EXPECT_EQ(call("ledger_getAccount", {{"address", "0x" + std::string(40, '1')}})["balance"],
              "5000000000000000");
    const json job = call("job_get", {{"jobId", kJob}});
    EXPECT_EQ(job["jobId"], kJob);
    EXPECT_EQ(job["state"], "running");
    EXPECT_EQ(job["escrow"], "12345");
    EXPECT_EQ(job["spec"]["optimizer"]["lr"], "0.003");
    EXPECT_EQ(job["spec"]["terms"]["priceCeiling"], "2000");
    EXPECT_EQ(call("job_list", {{"state", "done"}})["jobs"].size(), 0U);
    EXPECT_EQ(call("job_list", {{"requester", "0x" + std::string(40, '7')}})["jobs"].size(), 1U);
    const json result = call("job_result", {{"jobId", kJob}});
    EXPECT_EQ(result["checkpoint"]["here"], true);
    EXPECT_EQ(result["certificate"]["rounds"][0]["tasks"][0]["votes"][0]["state"], "declined");
    const json tasks = call("task_list", {{"jobId", kJob}, {"state", "posted"}});
    ASSERT_EQ(tasks["tasks"].size(), 1U);
    EXPECT_EQ(tasks["tasks"][0]["kind"], "train");
    const json provider = call("provider_get", {{"operator", "0x" + std::string(40, '1')}});
    EXPECT_EQ(provider["bonded"], "700");
    EXPECT_EQ(provider["free"], "500");
    EXPECT_EQ(provider["score"], 1234);
    const json explained = call("market_explain", {{"jobId", kJob}});
    ASSERT_EQ(explained["providers"].size(), 1U);
    EXPECT_EQ(explained["providers"][0]["eligible"], false);
    EXPECT_FALSE(explained["providers"][0]["explanation"].get<std::string>().empty());
    EXPECT_EQ(call("audit_getProof", {{"eventIndex", 1}})["proof"], "0xbeef");
    EXPECT_EQ(error_of("audit_getProof", json::object()).code, Code::kInvalidArgument);
    const auto growth = call("audit_getLogGrowth", {{"fromHeight", 1}});
    EXPECT_EQ(growth["proof"], "0xbeef");
    EXPECT_EQ(growth["fromHeight"], 1);
    EXPECT_EQ(error_of("audit_getLogGrowth", {{"fromHeight", 3}, {"toHeight", 2}}).code,
              Code::kInvalidArgument);
}

TEST_F(Rpc, MissingThingsAreNotFound) {
    const std::string none = "0x" + std::string(64, '9');
    EXPECT_EQ(error_of("job_get", {{"jobId", none}}).code, Code::kNotFound);
    EXPECT_EQ(error_of("job_result", {{"jobId", none}}).code, Code::kNotFound);
    EXPECT_EQ(error_of("task_get", {{"taskId", none}}).code, Code::kNotFound);
    EXPECT_EQ(error_of("task_list", {{"jobId", none}}).code, Code::kNotFound);
    EXPECT_EQ(error_of("tx_get", {{"hash", none}}).code, Code::kNotFound);
    EXPECT_EQ(error_of("ledger_getBlock", {{"height", 99}}).code, Code::kNotFound);
    EXPECT_EQ(error_of("provider_get", {{"operator", "0x" + std::string(40, '8')}}).code,
              Code::kNotFound);
    EXPECT_EQ(error_of("job_cancel", {{"jobId", kJob}, {"key", "nobody"}}).code, Code::kNotFound);
    EXPECT_EQ(error_of("job_cancel", {{"jobId", kJob}, {"key", "locked"}}).code,
              Code::kUnauthorized);
}

TEST_F(Rpc, EventsComeFilteredInWholeBlocks) {
    EXPECT_EQ(call("ledger_getEvents", json::object())["events"].size(), 3U);
    const json first = call("ledger_getEvents", {{"limit", 1}});
    EXPECT_EQ(first["events"].size(), 2U);
    EXPECT_EQ(first["nextHeight"], 2);
    EXPECT_EQ(call("ledger_getEvents", {{"fromHeight", 2}})["events"].size(), 1U);
    EXPECT_EQ(call("ledger_getEvents", {{"jobId", kJob}})["events"].size(), 2U);
    EXPECT_EQ(call("ledger_getEvents", {{"types", {"bank.transfer"}}})["events"].size(), 1U);
    EXPECT_EQ(call("ledger_getEvents", {{"types", {"job.", "task."}}})["events"].size(), 2U);
    EXPECT_EQ(call("ledger_getEvents", {{"types", {"job"}}})["events"].size(), 0U);
}

TEST_F(Rpc, SubscriptionBackfillsAndFollowsABlockAtATime) {
    testing::WsClient socket(service->port());
    const json reply = socket.call("assay_subscribe", {{"topic", "blocks"}, {"fromHeight", 1}});
    ASSERT_TRUE(reply.contains("result")) << reply.dump();
    testing::WsClient jobs(service->port());
    jobs.call("assay_subscribe", {{"topic", "job"}, {"jobId", kJob}});
    for (uint64_t height = 1; height <= 10; ++height) {
        if (height > 3) node.engine.commit({{"job.done", height == 10 ? kJob.substr(2) : "00"}});
        const json block = socket.receive()["params"]["result"];
        EXPECT_EQ(block["header"]["height"], height);
    }
    const json event = jobs.receive()["params"]["result"];
    EXPECT_EQ(event["height"], 10);
    EXPECT_EQ(event["type"], "job.done");
    EXPECT_EQ(socket.call("assay_subscribe", {{"topic", "job"}})["error"]["code"], -32602);
}

TEST_F(Rpc, RawTransactionModes) {
    const json sync = call("tx_submit", {{"tx", "0x0102"}});
    EXPECT_EQ(sync["codeName"], "ok");
    EXPECT_EQ(sync["hash"], "0x" + to_hex(ledger::tx_hash(Bytes{1, 2})));
    find_submitted(ledger::TxCode::kOk);
    const json waited = call("tx_submit", {{"tx", "0x0102"}, {"mode", "wait"}});
    EXPECT_EQ(waited["blockHeight"], 2);
    EXPECT_EQ(waited["feeCharged"], "10");
    const Error late = error_of("tx_submit", {{"tx", "0x05"}, {"mode", "wait"}, {"timeoutMs", 20}});
    EXPECT_EQ(late.code, Code::kTimeout);
    EXPECT_NE(late.message.find(to_hex(ledger::tx_hash(Bytes{5}))), std::string::npos);
    find_submitted(ledger::TxCode::kInsufficientFunds);
    const Error claimed = error_of("tx_submit", {{"tx", "0x05"}, {"mode", "wait"}});
    EXPECT_EQ(claimed.code, Code::kRejected);
    EXPECT_NE(claimed.message.find("insufficient_funds"), std::string::npos);
    EXPECT_EQ(error_of("tx_submit", {{"tx", "0x" + std::string(2 * 70'000, '0')}}).code,
              Code::kLimit);
}

TEST_F(Rpc, RefusedTransactionsSayWhy) {
    {
        const std::lock_guard lock(node.engine.mutex);
        node.engine.check_code = ledger::TxCode::kNonceGap;
    }
    const auto raw =
        client->post(R"({"jsonrpc":"2.0","id":1,"method":"tx_submit","params":["0x01"]})", 5000);
    const json error = json::parse(raw->body)["error"];
    EXPECT_EQ(error["code"], -32003);
    EXPECT_EQ(error["data"]["code"], "nonce_gap");
    EXPECT_EQ(error["data"]["txCode"], 300);
    EXPECT_EQ(error["data"]["retryable"], true);
    // async reports nothing but the hash.
    EXPECT_EQ(call("tx_submit", {{"tx", "0x01"}, {"mode", "async"}}).size(), 1U);
}

TEST_F(Rpc, WaitEndsWithTheBlock) {
    std::thread producer([this] {
        for (;;) {
            {
                const std::lock_guard lock(node.engine.mutex);
                if (!node.engine.submitted.empty()) break;
            }
            std::this_thread::yield();
        }
        find_submitted(ledger::TxCode::kOk);
        node.engine.commit({});
    });
    EXPECT_EQ(call("tx_submit", {{"tx", "0x0a"}, {"mode", "wait"}})["codeName"], "ok");
    producer.join();
}

TEST_F(Rpc, PostJobSignsTheRightBody) {
    const json spec = json::parse(kExampleSpec);
    const json estimate = call("job_estimate", {{"spec", spec}});
    const json posted = call("job_post", {{"spec", spec}, {"key", "requester"}, {"mode", "sync"}});
    EXPECT_EQ(posted["jobId"],
              "0x" + to_hex(contracts::job_id("assay-test", filled_address(0x11), 9)));
    EXPECT_EQ(posted["escrow"], estimate["maxEscrow"]);
    const std::lock_guard lock(node.mutex);
    EXPECT_EQ(node.last_signed.chain_id(), "assay-test");
    EXPECT_EQ(node.last_signed.nonce(), 9U);
    EXPECT_EQ(node.last_signed.expiry_height(), 3 + ledger::kExpiryBlocks);
    EXPECT_EQ(node.last_signed.type(), static_cast<uint32_t>(contracts::TxType::kJobPost));
    pb::JobPost post;
    ASSERT_TRUE(post.ParseFromString(node.last_signed.payload()));
    EXPECT_EQ(post.spec().optimizer().lr_nano(), 3'000'000U);
    EXPECT_EQ(post.spec().name(), "tiny-text");
}

// Before any money is locked: providers must be able to get the data from here.
TEST_F(Rpc, AJobWhoseDataNobodyCouldFetchIsNotPosted) {
    json spec = json::parse(kExampleSpec);
    node.offered = {2, 0, "no route to this node"};
    const auto unreachable = error_of("job_post", {{"spec", spec}, {"mode", "sync"}});
    EXPECT_EQ(unreachable.code, Code::kUnavailable);
    EXPECT_NE(unreachable.message.find("no route to this node"), std::string::npos);
    node.offered = {0, 0, ""};  // nobody to ask yet: the job waits for providers
    EXPECT_EQ(call("job_post", {{"spec", spec}, {"mode", "sync"}})["codeName"], "ok");
    spec["data"]["root"] = "0x" + std::string(64, '9');
    EXPECT_EQ(error_of("job_post", {{"spec", spec}, {"mode", "sync"}}).code, Code::kNotFound);
    EXPECT_EQ(call("job_post", {{"spec", spec}, {"mode", "sync"}, {"dataElsewhere", true}})
                  .value("codeName", ""),
              "ok");
}

TEST_F(Rpc, AnEstimateSaysWhichRulesExcludeHowMany) {
    const json estimate = call("job_estimate", {{"spec", json::parse(kExampleSpec)}});
    EXPECT_EQ(estimate["eligibleProviders"], 0);
    ASSERT_EQ(estimate["excluded"].size(), 1U);
    EXPECT_EQ(estimate["excluded"][0]["providers"], 1);
    EXPECT_EQ(estimate["excluded"][0]["reason"], "bond_too_small");
    EXPECT_FALSE(estimate["excluded"][0].value("remedy", "").empty());
    EXPECT_TRUE(estimate["jobMs"].is_null());
}

TEST_F(Rpc, SlotsOfTheNodesOwnProvider) {
    const json reply = call("provider_getSlots", json::object());
    ASSERT_EQ(reply["slots"].size(), 1U);
    const json& slot = reply["slots"][0];
    EXPECT_EQ(slot["taskId"], "0x" + std::string(64, '5'));
    EXPECT_EQ(slot["phase"], "training");
    EXPECT_EQ(slot["localStep"], 3);
    EXPECT_EQ(slot["localSteps"], 10);
    EXPECT_EQ(slot["loss"], "4.250000");
    EXPECT_EQ(slot["secondsLeft"], 8);  // the newest block is 3 ms after the start of the chain
}

TEST_F(Rpc, PeersAreReportedWithWhatIsKnownOfThem) {
    const json peers = call("node_getPeers", json::object())["peers"];
    EXPECT_EQ(peers, json::parse(R"([{"endpoint":"127.0.0.1:2","connected":true,"error":""}])"));
}

TEST_F(Rpc, UnjailSignsItsOwnType) {
    EXPECT_EQ(call("stake_unjail", {{"mode", "sync"}})["codeName"], "ok");
    const std::lock_guard lock(node.mutex);
    EXPECT_EQ(node.last_signed.type(), static_cast<uint32_t>(contracts::TxType::kStakeUnjail));
    EXPECT_EQ(node.last_signed.payload(), "");
}

// Before it is paid for: every node would refuse the transaction.
TEST_F(Rpc, AJobForLaterRulesSaysWhichVersionItNeeds) {
    json spec = json::parse(kExampleSpec);
    spec["model"] = json::parse(
        R"({"llama":{"vocab":256,"context":32,"dModel":32,"nLayer":1,"nHead":2,"nKvHead":2,)"
        R"("dFf":32,"ropeBase":10000,"eps":"0.00001","ropeScaling":{"factor":"2"}}})");
    node.application.app_version = 2;
    for (const char* method : {"job_estimate", "job_post", "market_explain"}) {
        const auto refused = error_of(method, {{"spec", spec}});
        EXPECT_EQ(refused.code, Code::kInvalidArgument) << method;
        EXPECT_NE(refused.message.find("model.llama.ropeScaling needs rules version 3; this chain "
                                       "executes version 2. Remedy: "),
                  std::string::npos)
            << refused.message;
    }
    node.application.app_version = 3;
    EXPECT_GT(call("job_estimate", {{"spec", spec}}).value("workUnits", 0), 0);
}

TEST_F(Rpc, JobErrorsNameTheField) {
    json spec = json::parse(kExampleSpec);
    spec["optimizer"]["learningRate"] = "0.1";
    EXPECT_NE(error_of("job_estimate", {{"spec", spec}})
                  .message.find("spec.optimizer.learningRate: no such field; known here: lr,"),
              std::string::npos);
    spec["optimizer"].erase("learningRate");
    spec["terms"]["replicas"] = 2;
    EXPECT_NE(error_of("job_post", {{"spec", spec}}).message.find("terms.replicas"),
              std::string::npos);
}

TEST_F(Rpc, HealthAndMetrics) {
    EXPECT_EQ(client->get("/health", 5000)->body, "ok\n");
    EXPECT_EQ(client->get("/ready", 5000)->status, 200U);
    EXPECT_NE(client->get("/metrics", 5000)->body.find("\nassay_rpc_requests_total "),
              std::string::npos);
    {
        const std::lock_guard lock(node.engine.mutex);
        node.engine.failure_text = "supply changed at height 3";
    }
    EXPECT_EQ(client->get("/health", 5000)->status, 503U);
    EXPECT_EQ(client->get("/ready", 5000)->status, 503U);
}

// What follows the marker in a document is what the table renders.
void expect_generated(const std::string& name, const std::string& rendered) {
    const std::string path = std::string(ASSAY_SOURCE_DIR) + "/docs/" + name;
    std::stringstream text;
    text << std::ifstream(path).rdbuf();
    const std::string marker = "<!-- The rest is generated from the table of methods. -->\n";
    const size_t at = text.str().find(marker);
    ASSERT_NE(at, std::string::npos) << path;
    const bool same = text.str().substr(at + marker.size()) == rendered;
    if (!same && std::getenv("ASSAY_UPDATE_DOCS") != nullptr)
        std::ofstream(path) << text.str().substr(0, at + marker.size()) << rendered;
    EXPECT_TRUE(same) << "run with ASSAY_UPDATE_DOCS=1 to rewrite " << path;
}

TEST(Docs, MatchTheTable) {
    expect_generated("json-rpc.md", render_overview(full_table()));
    expect_generated("json-rpc-methods.md", render_reference(full_table()));
}

}  // namespace
}  // namespace assay::node
