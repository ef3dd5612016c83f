// A small ledger with a job in it, played transaction by transaction through the embedded producer,
// under the contract rules or under ones that lie.
//
// Ownership: removes its directory. Threads: one. Errors: fail or abort the test.
#pragma once

#include <functional>

#include "contracts/rules.h"
#include "ledger/engine/embedded_producer.h"
#include "tests/contracts/env.h"
#include "tests/ledger/engine/toy_chain.h"

namespace assay::test {

inline bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

// The contract rules, with a hook after each step in which a producer may do something else.
class LyingRules : public ledger::Rules {
public:
    using Lie = std::function<void(const ledger::BlockInfo&, ledger::State&, ledger::Events&)>;

    Status init_genesis(const pb::Genesis& genesis, ledger::State& state) const override {
        return honest_.init_genesis(genesis, state);
    }
    TxCode preflight(const ledger::CheckedTx& tx, uint32_t version,
                     std::string& why) const override {
        return honest_.preflight(tx, version, why);
    }
    TxCode preclaim(const ledger::CheckedTx& tx, const ledger::ReadView& state) const override {
        return honest_.preclaim(tx, state);
    }
    uint64_t next_nonce(const Address& sender, const ledger::ReadView& state) const override {
        return honest_.next_nonce(sender, state);
    }
    ledger::TxOutcome apply(const ledger::CheckedTx& tx, const ledger::BlockInfo& block,
                            ledger::State& state, ledger::Events& events) const override {
        const auto outcome = honest_.apply(tx, block, state, events);
        if (after_apply) after_apply(block, state, events);
        return outcome;
    }
    void end_block(const ledger::BlockInfo& block, ledger::State& state,
                   ledger::Events& events) const override {
        honest_.end_block(block, state, events);
        if (after_end_block) after_end_block(block, state, events);
    }
    std::vector<ledger::ValidatorPower> validators(const ledger::ReadView& state) const override {
        return honest_.validators(state);
    }
    std::optional<std::string> broken_invariant(const ledger::State& changed) const override {
        return keeps_laws ? honest_.broken_invariant(changed) : std::nullopt;
    }
    std::optional<std::string> broken_global_invariant(
        const ledger::ReadView& state) const override {
        return keeps_laws ? honest_.broken_global_invariant(state) : std::nullopt;
    }

    Lie after_apply;
    Lie after_end_block;
    bool keeps_laws = true;

private:
    contracts::ContractRules honest_;
};

// Keys of the accounts: 0 the producer, 1 the requester, 2 a stranger, 3.. the providers.
inline constexpr size_t kProducer = 0;
inline constexpr size_t kRequester = 1;
inline constexpr size_t kStranger = 2;
inline constexpr size_t kFirstProvider = 3;
inline constexpr size_t kProviders = 4;
[[nodiscard]] Address who(size_t index);

class AuditChain {
public:
    // Begins with the rules of `version`.
    explicit AuditChain(const ledger::Rules& rules, uint32_t version = ledger::kAppVersion,
                        const pb::Params& params = Env::test_params());

    ledger::CheckResult submit(const Tx& tx);
    void send(const Tx& tx);  // must be taken
    void close(uint64_t ms = 200);
    // Providers, a job of one task, votes (the last slot says something else), tally, payment.
    void play_job();
    // Writes the export beside the database; its path.
    [[nodiscard]] std::string export_file(const std::string& name = "export") const;
    [[nodiscard]] std::string file(const std::string& name) const { return directory_.file(name); }

    [[nodiscard]] Bytes signed_by_sender(const Tx& tx) const;
    [[nodiscard]] pb::Task task() const;
    [[nodiscard]] const Hash256& job_id() const { return job_; }
    [[nodiscard]] const Hash256& task_id() const { return task_; }
    [[nodiscard]] uint64_t height() const { return producer_->height(); }
    // Height of the first event of this type; 0 if none.
    [[nodiscard]] uint64_t height_of(std::string_view type) const;
    [[nodiscard]] const ledger::Database& database() const { return *database_; }
    [[nodiscard]] ledger::LocalApplication& app() { return *app_; }
    [[nodiscard]] const ledger::EmbeddedProducer& producer() const { return *producer_; }

private:
    void answer(pb::SlotState state, const std::function<Tx(const Address&, size_t)>& make);

    ledger::testing::TempDirectory directory_;
    uint64_t now_ms_;
    std::unique_ptr<ledger::Database> database_;
    std::unique_ptr<ledger::LocalApplication> app_;
    std::unique_ptr<ledger::EmbeddedProducer> producer_;
    Hash256 job_;
    Hash256 task_;
};

}  // namespace assay::test
