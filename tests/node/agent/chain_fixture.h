// A real chain in a temporary folder with its producer, and provider agents on it: no network, one
// shared blob store.
//
// Ownership: owns everything. Threads: the producer's and the agents'. Errors: fail the test.
#pragma once

#include <algorithm>
#include <chrono>
#include <mutex>
#include <thread>

#include "contracts/queries.h"
#include "contracts/rules.h"
#include "contracts/transactions.h"
#include "ledger/codec/block.h"
#include "ledger/codec/canonical.h"
#include "ledger/engine/embedded_producer.h"
#include "ledger/local_application.h"
#include "node/agent/provider_agent.h"
#include "tests/node/agent/agent_fixture.h"

namespace assay::node::testing {

inline constexpr uint64_t kStartBalance = 1'000'000'000'000;
inline constexpr uint64_t kStake = 5'000'000'000;

inline ledger::PrivateKey test_key(uint8_t index) {
    Bytes secret(32, 0x22);
    secret[31] = index;
    return ledger::PrivateKey::from_bytes(secret).value();
}

inline pb::Genesis test_genesis(uint8_t accounts) {
    pb::Genesis genesis;
    genesis.set_chain_id("agent-test");
    genesis.set_time_ms(1'700'000'000'000);
    genesis.set_app_version(ledger::kAppVersion);
    genesis.set_producer(std::string(text_of(test_key(1).address().view())));
    for (uint8_t i = 1; i <= accounts; ++i) {
        auto* account = genesis.add_accounts();
        account->set_address(std::string(text_of(test_key(i).address().view())));
        account->set_balance(kStartBalance);
    }
    pb::Params params;
    params.set_min_stake_age_ms(1);
    params.set_dispute_ms(100);
    params.set_accept_ms(6'000);
    const auto encoded = ledger::encode_message(params);
    genesis.set_params(encoded.data(), encoded.size());
    return genesis;
}

inline uint64_t wall_clock_ms() {
    return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                     std::chrono::system_clock::now().time_since_epoch())
                                     .count());
}

// One provider: its sender, its agent, and what it said.
class TestProvider {
public:
    TestProvider(ledger::Engine& engine, ledger::Application& application, BlobStore& blobs,
                 const std::filesystem::path& work, uint8_t key, const std::string& fault,
                 const ProviderConfig& bid, const std::function<void(const Hash256&)>& before_fetch)
        : key_(test_key(key)), sender_(engine, key_) {
        ProviderConfig config = bid;
        config.enabled = true;
        config.backend = "portable";
        config.fault = fault;
        if (!fault.empty()) config.price_floor /= 2;  // the cheapest is surely matched
        TaskServices services{blobs,
                              [&blobs, before_fetch](const pb::ArtifactRef& ref, const pb::Task&,
                                                     const FetchWatch&) -> Status {
                                  const auto root = *hash_from(view_of(ref.root()));
                                  if (before_fetch) before_fetch(root);
                                  if (blobs.has(root)) return {};
                                  return fail(Code::kNotFound, "not here");
                              },
                              [key]() -> Result<Hash256> {
                                  Hash256 salt;
                                  EXPECT_TRUE(ledger::system_random(salt.bytes.data(), 32));
                                  salt.bytes[0] = key;
                                  return salt;
                              },
                              work,
                              ASSAY_EXECUTABLE,
                              config};
        const auto measure = []() -> Result<pb::ScoreSample> {
            pb::ScoreSample sample;
            sample.set_score(1'000'000);
            sample.set_memory_mb(1'024);
            sample.set_backend("portable");
            return sample;
        };
        const auto note = [this](const std::string& text) {
            const std::lock_guard lock(mutex_);
            said_.push_back(text);
        };
        agent_ = std::make_unique<ProviderAgent>(engine, application, sender_, std::move(services),
                                                 "127.0.0.1:1", measure, AgentLog{note, note});
        agent_->start();
    }
    [[nodiscard]] ledger::Address address() const { return sender_.address(); }
    ProviderAgent& agent() { return *agent_; }
    std::string said() {
        const std::lock_guard lock(mutex_);
        std::string all;
        for (const auto& line : said_) all += line + "\n";
        return all;
    }

private:
    const ledger::PrivateKey key_;
    TxSender sender_;
    std::mutex mutex_;
    std::vector<std::string> said_;         // guarded by mutex_
    std::unique_ptr<ProviderAgent> agent_;  // last: it ends before what it uses
};

class AgentChain : public ::testing::Test {
protected:
    static constexpr uint8_t kRequester = 2;
    static constexpr uint8_t kFirstProvider = 3;
    static constexpr uint8_t kProviders = 6;

    AgentChain() {
        data_ = import_text(folder_.path());
        data_ref_ = to_ref(blobs_->put_file(data_).value());
        EXPECT_TRUE(producer_->start().ok());
    }
    ~AgentChain() override {
        providers_.clear();
        producer_->stop();
    }

    TestProvider& add_provider(uint8_t index, const std::string& fault = "",
                               uint64_t stake = kStake) {
        bid_.stake = stake;
        const auto key = static_cast<uint8_t>(kFirstProvider + index);
        auto& place = providers_[index];
        place.reset();
        place = std::make_unique<TestProvider>(*producer_, *application_, *blobs_,
                                               folder_.path() / ("work" + std::to_string(index)),
                                               key, fault, bid_, before_fetch_);
        return *place;
    }
    ledger::Address operator_at(uint8_t index) const {
        return test_key(static_cast<uint8_t>(kFirstProvider + index)).address();
    }
    // Until `done`, for twenty seconds at most.
    template <typename Condition>
    [[nodiscard]] bool eventually(const Condition& done) {
        for (int i = 0; i < 2'000; ++i) {
            if (done()) return true;
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        return false;
    }
    [[nodiscard]] std::shared_ptr<const ledger::ReadView> state() const {
        return application_->committed_state();
    }
    [[nodiscard]] bool all_registered(uint8_t count) {
        return eventually(
            [&] { return contracts::list_providers(*state(), 100, {}).items.size() == count; });
    }
    [[nodiscard]] Result<Hash256> post(const pb::JobSpec& spec) {
        pb::JobPost message;
        *message.mutable_spec() = spec;
        message.set_escrow(10'000'000);
        return requester_.send(static_cast<uint32_t>(contracts::TxType::kJobPost),
                               ledger::encode_message(message));
    }
    [[nodiscard]] std::optional<pb::Job> only_job() const {
        const auto jobs = contracts::list_jobs(*state(), {}, 2, {}).items;
        if (jobs.size() != 1) return std::nullopt;
        return jobs.front();
    }
    [[nodiscard]] bool job_done() {
        return eventually([&] {
            const auto job = only_job();
            return job && job->state() == pb::JOB_DONE;
        });
    }
    // Every slot of the only task.
    [[nodiscard]] bool all_declined() {
        return eventually([&] {
            const auto all = tasks();
            if (all.size() != 1 || all[0].slots_size() != 3) return false;
            return std::all_of(
                all[0].slots().begin(), all[0].slots().end(),
                [](const pb::Slot& slot) { return slot.state() == pb::SLOT_DECLINED; });
        });
    }
    [[nodiscard]] std::vector<pb::Task> tasks() const {
        const auto job = only_job();
        if (!job) return {};
        return contracts::list_tasks(*state(), view_of(job->id()), 100, {}).items;
    }
    // What everybody said, for a failed expectation.
    std::string said() {
        std::string all;
        for (auto& [index, provider] : providers_) all += provider->said();
        return all;
    }

    const ScratchFolder folder_ = ScratchFolder::make({}, "assay-agents-").value();
    std::filesystem::path data_;
    pb::ArtifactRef data_ref_;
    ProviderConfig bid_;                                // of the next provider
    std::function<void(const Hash256&)> before_fetch_;  // of the next provider
    std::unique_ptr<BlobStore> blobs_ = BlobStore::open(folder_.path() / "blobs", {}).value();
    const contracts::ContractRules rules_;
    std::unique_ptr<ledger::Database> database_ =
        ledger::Database::open((folder_.path() / "ledger").string()).value();
    std::unique_ptr<ledger::LocalApplication> application_ =
        ledger::LocalApplication::open(rules_, *database_).value();
    std::unique_ptr<ledger::EmbeddedProducer> producer_ =
        ledger::EmbeddedProducer::create(
            *application_, *database_, test_genesis(kFirstProvider + kProviders), test_key(1),
            {.min_interval_ms = 20, .heartbeat_ms = 200, .clock = wall_clock_ms, .mempool = {}})
            .value();
    const ledger::PrivateKey requester_key_ = test_key(kRequester);
    TxSender requester_{*producer_, requester_key_};
    std::map<uint8_t, std::unique_ptr<TestProvider>> providers_;
};

}  // namespace assay::node::testing
