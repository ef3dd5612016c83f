// Test DSL: drives ContractRules directly over a state in memory, without executor or engine.
//
//   Env env;
//   env(pay(alice, bob, 5));                            // applied in the open block, must be kOk
//   env(pay(alice, bob, 0), TxCode::kMalformedPayload); // refused with this code
//   env.close(200);                                     // ends the block; the next is 200 ms later
//   env.require(balance(bob, 5));
// Every transaction and block end is checked against the invariants, as the executor does.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "contracts/commitment.h"
#include "contracts/queries.h"
#include "contracts/rules.h"
#include "contracts/transactions.h"
#include "ledger/state/event_log.h"
#include "tests/contracts/memory_view.h"

namespace assay::test {

using contracts::TaskResult;
using contracts::TxType;
using ledger::Address;
using ledger::TxCode;

inline constexpr uint64_t kFee = 1'000;
inline constexpr uint64_t kGenesisBalance = 1'000'000'000'000;
inline constexpr uint64_t kMinStake = 1'000'000;
inline constexpr char kChain[] = "assay-test";

// An account's address from its name.
[[nodiscard]] Address named(std::string_view name);

struct Tx {
    Address sender;
    TxType type = TxType::kTransfer;
    std::string payload;
    uint64_t fee = kFee;
    std::optional<uint64_t> nonce;  // unset: the next one
};

class Env;
using Requirement = std::function<void(const Env&)>;

class Env {
public:
    // alice (requester), bob, carol and the providers p1 to p8 exist from genesis.
    // The chain begins with the rules of `version`.
    explicit Env(const pb::Params& params = test_params(),
                 const std::vector<pb::GenesisValidator>& validators = {},
                 uint32_t version = ledger::kAppVersion);

    // Short times: accept 10 s, commit T_ref + 60 s, reveal 30 s, dispute 4 s; young stake is fine.
    static pb::Params test_params();

    TxCode operator()(const Tx& tx, TxCode expected = TxCode::kOk);
    TxCode submit(const Tx& tx);  // no expectation
    void close(uint64_t ms = 200);
    // `ms` pass in several blocks, near enough that the chain is not silent. What is due now fires
    // at the end of the block that is open then.
    void pass(uint64_t ms);
    void wait(uint64_t ms) {
        pass(ms);
        close();
    }
    // CometBFT tells of two votes in the block that is open.
    void report_double_vote(const Bytes& consensus_key);
    // A chain with this producer instead of validators.
    void set_producer(const Address& producer) { info_.producer = producer; }
    // Of the rules of the block that is open.
    [[nodiscard]] uint32_t app_version() const { return info_.app_version; }
    // Ascending by key, as the engine gets them.
    [[nodiscard]] std::vector<ledger::ValidatorPower> validators() const;
    void require(const Requirement& requirement) const { requirement(*this); }

    // What the last preflight said of a payload that it refused.
    [[nodiscard]] const std::string& why() const { return why_; }

    [[nodiscard]] const ledger::ReadView& view() const { return *block_; }
    [[nodiscard]] uint64_t now() const { return info_.time_ms; }
    [[nodiscard]] uint64_t height() const { return info_.height; }
    [[nodiscard]] const Hash256& beacon() const { return info_.beacon; }
    [[nodiscard]] const MemoryView& committed() const { return committed_; }
    [[nodiscard]] const ledger::Events& events() const { return events_; }
    // How many events of this type were emitted since the beginning.
    [[nodiscard]] size_t count_events(std::string_view type) const;
    [[nodiscard]] const ledger::PendingEvent* last_event(std::string_view type) const;
    [[nodiscard]] std::optional<std::string> broken_state() const;
    // Of the committed state and every event so far, as the ledger computes it.
    [[nodiscard]] Hash256 app_hash() const;

    // Shorthand: objects that must exist.
    [[nodiscard]] pb::Job job(const Hash256& id) const;
    [[nodiscard]] pb::Task task(const Hash256& id) const;
    [[nodiscard]] pb::Stake stake(const Address& owner) const;
    [[nodiscard]] pb::Provider provider(const Address& owner) const;

private:
    void open_block(uint64_t time_ms);
    void absorb(ledger::Events& events);

    contracts::ContractRules rules_;
    const uint32_t first_version_;
    MemoryView committed_;
    std::unique_ptr<ledger::State> block_;
    ledger::BlockInfo info_;
    ledger::Events events_;
    uint32_t block_events_ = 0;
    ledger::LogEdge log_;
    Hash256 params_hash_;
    std::string why_;
};

// ---- transactions
[[nodiscard]] Tx pay(const Address& from, const Address& to, uint64_t amount);
[[nodiscard]] Tx bond(const Address& who, uint64_t amount);
[[nodiscard]] Tx unbond(const Address& who, uint64_t amount);
[[nodiscard]] Tx unjail(const Address& who);
[[nodiscard]] Bytes key_named(std::string_view name);
[[nodiscard]] Tx register_validator(const Address& who, const Bytes& consensus_key);
[[nodiscard]] Tx leave_validators(const Address& who);
[[nodiscard]] Tx signal_upgrade(const Address& who, uint32_t version);
struct ProviderOptions {
    uint64_t price_floor = 100;
    uint32_t capacity = 2;
    uint64_t score = 1'000;  // one work unit a second
    uint64_t memory_mb = 4'096;
};
[[nodiscard]] Tx register_provider(const Address& who, const ProviderOptions& options = {});
[[nodiscard]] Tx update_provider(const Address& who, bool active, uint32_t capacity = 0);
[[nodiscard]] Tx post_job(const Address& who, const pb::JobSpec& spec, uint64_t escrow);
[[nodiscard]] Tx cancel_job(const Address& who, const Hash256& job);
[[nodiscard]] Tx top_up(const Address& who, const Hash256& job, uint64_t amount);
[[nodiscard]] Tx accept(const Address& who, const Hash256& task);
[[nodiscard]] Tx decline(const Address& who, const Hash256& task);
[[nodiscard]] Tx commit(const Address& who, const Hash256& task, const TaskResult& result);
[[nodiscard]] Tx commit_raw(const Address& who, const Hash256& task, const Hash256& commitment);
[[nodiscard]] Tx reveal(const Address& who, const Hash256& task, const TaskResult& result);
[[nodiscard]] Tx crank(const Address& who, const Hash256& task);

// ---- material
// A tiny classifier: every task is one work unit. rounds x shards, 3 replicas, ceiling 1000.
[[nodiscard]] pb::JobSpec tiny_job(uint32_t rounds = 1, uint32_t shards = 1);
// The escrow that tiny_job needs: 5 replicas of every task at the ceiling.
[[nodiscard]] uint64_t escrow_of(const pb::JobSpec& spec);
[[nodiscard]] Hash256 job_of(const Address& requester, uint64_t nonce);
[[nodiscard]] Hash256 train_task(const Hash256& job, uint32_t round = 0, uint32_t shard = 0);
[[nodiscard]] Hash256 aggregate_task(const Hash256& job, uint32_t round = 0);
// The result whose hashes derive from `text`.
[[nodiscard]] TaskResult result_named(std::string_view text);
[[nodiscard]] TaskResult diverged_at(uint32_t step);
[[nodiscard]] Bytes salt_of(const Address& who, const Hash256& task);

// ---- requirements
[[nodiscard]] Requirement balance(const Address& who, uint64_t amount);
[[nodiscard]] Requirement bonded(const Address& who, uint64_t amount);
[[nodiscard]] Requirement locked(const Address& who, uint64_t amount);
[[nodiscard]] Requirement task_state(const Hash256& task, pb::TaskState state);
[[nodiscard]] Requirement job_state(const Hash256& job, pb::JobState state);
[[nodiscard]] Requirement slot_state(const Hash256& task, const Address& who, pb::SlotState state);

}  // namespace assay::test
