// CometNode: a node of toy rules under CometBFT's interface, ended and started again at will, and
// the calls of an engine on it. Ownership: its parts. Threads: one. Errors: abort the test.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

#include "ledger/block_check.h"
#include "ledger/crypto/ed25519.h"
#include "ledger/engine/comet/comet_engine.h"
#include "tests/ledger/engine/comet_driver.h"
#include "tests/ledger/engine/toy_chain.h"

namespace assay::ledger::testing {

inline pb::Genesis comet_genesis() {
    pb::Genesis genesis = toy_genesis();
    genesis.clear_producer();
    std::array<uint8_t, 32> seed{};
    seed[0] = 1;
    const Ed25519Key key = ed25519_from_seed(seed);
    pb::GenesisValidator& validator = *genesis.add_validators();
    validator.set_consensus_key(key.public_key.data(), key.public_key.size());
    validator.set_power(10);
    validator.set_operator_(std::string(text_of(toy_address(1).view())));
    return genesis;
}

inline abci::RequestInitChain init_request() {
    abci::RequestInitChain request;
    request.set_chain_id("toy-1");
    request.set_initial_height(1);
    abci::ValidatorUpdate& validator = *request.add_validators();
    validator.mutable_pub_key()->set_ed25519(comet_genesis().validators(0).consensus_key());
    validator.set_power(10);
    return request;
}

// One node that can be ended and started again, and its connections.
class CometNode {
public:
    // With snapshots every so many blocks, for an interval above 0.
    explicit CometNode(std::string directory, uint64_t snapshot_interval = 0,
                       uint32_t newest = kToyVersion)
        : directory_(std::move(directory)), snapshot_interval_(snapshot_interval), rules_(newest) {
        std::filesystem::create_directories(directory_);
        start();
    }
    ~CometNode() { stop(); }

    void start() {
        DatabaseOptions options;
        options.sync = false;
        database_ = Database::open(directory_ + "/ledger", options).value();
        LocalApplicationOptions app_options;
        app_options.threads = 1;
        app_options.snapshots.directory = directory_ + "/snapshots";
        app_options.snapshots.interval = snapshot_interval_;
        app_options.keep_blocks = keep_blocks;
        app_ = LocalApplication::open(rules_, *database_, app_options).value();
        comet::CometOptions comet;
        comet.config.home = directory_;
        engine_ = comet::CometEngine::create(*app_, *database_, comet_genesis(), std::move(comet))
                      .value();
        ASSERT_TRUE(engine_->start().ok());
        driver_ = std::make_unique<CometDriver>(comet::app_socket(directory_).string());
    }
    void stop() {
        driver_.reset();
        engine_.reset();
        app_.reset();
        database_.reset();
    }

    abci::ResponseInfo info() {
        abci::Request request;
        request.mutable_info()->set_abci_version("2.0.0");
        return driver_->call(CometDriver::kQuery, request).info();
    }
    abci::Response init_chain(const abci::RequestInitChain& init) {
        abci::Request request;
        *request.mutable_init_chain() = init;
        return driver_->call(CometDriver::kConsensus, request);
    }
    uint32_t check_tx(const Bytes& tx, bool recheck = false) {
        abci::Request request;
        request.mutable_check_tx()->set_tx(std::string(text_of(tx)));
        if (recheck) request.mutable_check_tx()->set_type(abci::CheckTxType::RECHECK);
        return driver_->call(CometDriver::kMempool, request).check_tx().code();
    }
    template <typename Request>
    static void fill(Request& request, const ProposedBlock& block) {
        request.set_height(static_cast<int64_t>(block.height));
        request.mutable_time()->set_seconds(static_cast<int64_t>(block.time_ms / 1000));
        request.mutable_time()->set_nanos(static_cast<int32_t>(block.time_ms % 1000 * 1'000'000));
        for (const Bytes& tx : block.transactions) request.add_txs(std::string(text_of(tx)));
        for (const Misbehavior& each : block.misbehavior) {
            abci::Misbehavior& told = *request.add_misbehavior();
            told.set_type(abci::DUPLICATE_VOTE);
            told.mutable_validator()->set_address(std::string(text_of(each.consensus_address)));
            told.set_height(static_cast<int64_t>(each.height));
        }
    }
    std::vector<Bytes> prepare(const ProposedBlock& block, int64_t max_bytes = 1'000'000) {
        abci::Request request;
        fill(*request.mutable_prepare_proposal(), block);
        request.mutable_prepare_proposal()->set_max_tx_bytes(max_bytes);
        const auto response = driver_->call(CometDriver::kConsensus, request);
        std::vector<Bytes> txs;
        for (const std::string& tx : response.prepare_proposal().txs()) txs.push_back(bytes_of(tx));
        return txs;
    }
    bool accepts(const ProposedBlock& block) {
        abci::Request request;
        fill(*request.mutable_process_proposal(), block);
        return driver_->call(CometDriver::kConsensus, request).process_proposal().status() ==
               abci::ResponseProcessProposal::ACCEPT;
    }
    abci::Response finalize(const ProposedBlock& block) {
        abci::Request request;
        fill(*request.mutable_finalize_block(), block);
        return driver_->call(CometDriver::kConsensus, request);
    }
    abci::Response commit() {
        abci::Request request;
        request.mutable_commit();
        return driver_->call(CometDriver::kConsensus, request);
    }
    comet::CometEngine& engine() { return *engine_; }
    LocalApplication& app() { return *app_; }
    const ToyRules& rules() const { return rules_; }
    Database& database() { return *database_; }
    CometDriver& driver() { return *driver_; }

    uint64_t keep_blocks = 0;  // from the next start() on

private:
    const std::string directory_;
    const uint64_t snapshot_interval_;
    ToyRules rules_;
    std::unique_ptr<Database> database_;
    std::unique_ptr<LocalApplication> app_;
    std::unique_ptr<comet::CometEngine> engine_;
    std::unique_ptr<CometDriver> driver_;
};

inline std::string hash_text(const Hash256& hash) {
    return std::string(text_of(hash.view()));
}

}  // namespace assay::ledger::testing
