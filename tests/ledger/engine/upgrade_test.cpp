// New rules begin at a height that the state names: those who know them go on, the others stop
// there and say so.
#include <gtest/gtest.h>

#include "ledger/anchor.h"
#include "ledger/audit/export.h"
#include "ledger/audit/replay.h"
#include "ledger/engine/follower.h"
#include "tests/ledger/engine/comet_node.h"

namespace assay::ledger {
namespace {

using namespace testing;  // NOLINT: the toy chain's vocabulary

constexpr uint32_t kNext = kToyVersion + 1;
constexpr uint64_t kHeight = 5;  // the first block under the next rules
constexpr char kNeeded[] = "height 5 needs rules of version 3, this program knows 2. Remedy";

Bytes note(uint64_t nonce) {
    ToyTx tx;
    tx.nonce = nonce;
    return sign_toy(tx, kToyNote, {1});
}
Bytes upgrade(uint64_t nonce) {
    ToyTx tx;
    tx.nonce = nonce;
    return toy_upgrade(tx, kNext, kHeight);
}

class Upgrade : public ::testing::Test {
protected:
    Upgrade() {
        for (uint64_t height = 1; height <= kHeight + 2; ++height) {
            const Bytes tx = height == 2 ? upgrade(height - 1) : note(height - 1);
            EXPECT_EQ(chain_.producer->submit(tx).code, TxCode::kOk);
            chain_.close();
        }
    }
    Bytes block(uint64_t height) const { return chain_.producer->encoded_block(height).value(); }
    static std::unique_ptr<Follower> follower(ToyNode& node) {
        return Follower::create(*node.app, *node.database, toy_genesis(), {}).value();
    }

    TempDirectory directory_;
    ToyChain chain_{directory_.file("producer"), {}, kNext};
};

TEST_F(Upgrade, HeadersTellTheVersionAndTheRulesActOnIt) {
    for (uint64_t height = 1; height <= kHeight + 2; ++height) {
        const CommittedBlock block = chain_.producer->block(height).value();
        const bool is_new = height >= kHeight;
        EXPECT_EQ(block.block.header().app_version(), is_new ? kNext : kToyVersion) << height;
        if (height == 2) continue;
        EXPECT_EQ(block.events.at(0).attributes_size(), is_new ? 2 : 1) << height;
    }
    EXPECT_EQ(chain_.node.app->info().app_version, kNext);
    const auto anchor =
        decode_anchor(chain_.node.app->committed_state()->get(anchor_key()).value()).value();
    EXPECT_EQ(anchor.app_version, kNext);
    EXPECT_EQ(header_of(anchor, chain_.node.app->info().app_hash, toy_genesis()).app_version(),
              kNext);
}

TEST_F(Upgrade, AnOldProgramStopsThereAndANewerOneGoesOnFromThere) {
    {
        ToyNode old(directory_.file("follower"));
        const auto stops = follower(old);
        for (uint64_t height = 1; height < kHeight; ++height)
            ASSERT_TRUE(stops->apply(block(height)).ok());
        const Status refused = stops->apply(block(kHeight));
        EXPECT_EQ(refused.error().code, Code::kUnsupported);
        EXPECT_TRUE(refused.error().message.starts_with(kNeeded)) << refused.error().message;
        EXPECT_TRUE(stops->failure().starts_with(kNeeded)) << stops->failure();
        EXPECT_EQ(stops->height(), kHeight - 1);
    }
    {
        ToyNode old(directory_.file("follower"));
        const auto started = Follower::create(*old.app, *old.database, toy_genesis(), {});
        EXPECT_EQ(started.error().code, Code::kUnsupported) << "it does not even start";
    }
    ToyNode young(directory_.file("follower"), {}, kNext);
    const auto goes_on = follower(young);
    for (uint64_t height = kHeight; height <= kHeight + 2; ++height)
        ASSERT_TRUE(goes_on->apply(block(height)).ok());
    EXPECT_EQ(goes_on->head_hash(), chain_.producer->head_hash());
}

TEST_F(Upgrade, ABlockOfTheOldRulesAfterItIsRefused) {
    ToyNode node(directory_.file("follower"), {}, kNext);
    const auto engine = follower(node);
    for (uint64_t height = 1; height < kHeight; ++height)
        ASSERT_TRUE(engine->apply(block(height)).ok());
    pb::Block changed = decode_block(block(kHeight)).value();
    changed.mutable_header()->set_app_version(kToyVersion);
    const Bytes signature = sign_header(changed.header(), toy_key(0)).value();
    changed.set_signature(std::string(text_of(signature)));
    const Status refused = engine->apply(encode_block(changed).value());
    EXPECT_EQ(refused.error().message, "height 5: header.app_version: is 2, must be 3");
}

TEST_F(Upgrade, AReplayCrossesItOrSaysWhatItNeeds) {
    const std::string file = directory_.file("export");
    ASSERT_TRUE(export_ledger(*chain_.producer, file).ok());
    const auto report = replay_export(file, ToyRules(kNext));
    ASSERT_TRUE(report.ok()) << report.error().message;
    EXPECT_EQ(report->head_hash, chain_.producer->head_hash());
    const auto refused = replay_export(file, ToyRules());
    EXPECT_EQ(refused.error().code, Code::kUnsupported);
    EXPECT_NE(refused.error().message.find(kNeeded), std::string::npos) << refused.error().message;
}

TEST(UpgradeOfAProducer, TransactionsAreCheckedByTheRulesOfTheNextBlock) {
    const TempDirectory directory;
    ToyChain chain(directory.file("producer"), {}, kNext);
    const auto empty_note = [](uint64_t nonce, uint8_t from) {
        return sign_toy({.from = from, .nonce = nonce}, kToyNote, {});
    };
    EXPECT_EQ(chain.producer->submit(upgrade(0)).code, TxCode::kOk);
    for (uint64_t height = 1; height < kHeight - 1; ++height) {
        EXPECT_EQ(chain.producer->submit(empty_note(height - 1, 2)).code, TxCode::kOk) << height;
        chain.close();
    }
    const auto refused = [&](const Bytes& tx) { return chain.producer->submit(tx).code; };
    // The head is kHeight - 2: the next block is the last of the old rules.
    EXPECT_EQ(refused(empty_note(kHeight - 2, 2)), TxCode::kOk);
    chain.close();
    EXPECT_EQ(refused(empty_note(kHeight - 1, 2)), TxCode::kMalformedPayload);
    EXPECT_EQ(refused(note(1)), TxCode::kOk);
}

// What waited for a block of the old rules is checked again by the new ones.
TEST_F(Upgrade, WhatWaitsWhenTheRulesChangeIsCheckedAgain) {
    ToyNode node(directory_.file("follower"), {}, kNext);
    const auto engine = follower(node);
    for (uint64_t height = 1; height < kHeight - 1; ++height)
        ASSERT_TRUE(engine->apply(block(height)).ok());
    EXPECT_EQ(engine->submit(sign_toy({.from = 2}, kToyNote, {})).code, TxCode::kOk);
    EXPECT_EQ(engine->submit(sign_toy({.from = 3}, kToyNote, {1})).code, TxCode::kOk);
    ASSERT_TRUE(engine->apply(block(kHeight - 1)).ok());
    EXPECT_EQ(engine->mempool_size(), 1U);
    EXPECT_EQ(engine->next_nonce(toy_address(2)), 0U);
}

TEST(UpgradeOfAProducer, AProgramOfSeveralVersionsNamesThemAll) {
    const TempDirectory directory;
    ToyChain chain(directory.file("producer"), {}, kNext);
    EXPECT_EQ(chain.producer->submit(toy_upgrade({}, kNext + 1, 2)).code, TxCode::kOk);
    chain.close();
    chain.now_ms += 1000;
    EXPECT_EQ(chain.producer->produce_block().error().code, Code::kUnsupported);
    constexpr char kWords[] =
        "height 2 needs rules of version 4, this program knows 2 to 3. Remedy";
    EXPECT_TRUE(chain.producer->failure().starts_with(kWords)) << chain.producer->failure();
}

TEST(UpgradeOfAProducer, ItStopsWithTheSameWords) {
    const TempDirectory directory;
    ToyChain chain(directory.file("producer"));
    EXPECT_EQ(chain.producer->submit(upgrade(0)).code, TxCode::kOk);
    for (uint64_t height = 1; height < kHeight; ++height) chain.close();
    chain.now_ms += 1000;
    EXPECT_EQ(chain.producer->produce_block().error().code, Code::kUnsupported);
    EXPECT_TRUE(chain.producer->failure().starts_with(kNeeded)) << chain.producer->failure();
}

// The same blocks on a node that knows the next rules and one that does not.
class UpgradeUnderComet : public ::testing::Test {
protected:
    UpgradeUnderComet() {
        new_.init_chain(init_request());
        old_.init_chain(init_request());
    }
    ProposedBlock next(std::vector<Bytes> transactions) const {
        ProposedBlock block = proposal_after(tip_);
        block.time_ms = tip_.time_ms + 500;
        block.transactions = std::move(transactions);
        return block;
    }
    // What the engine is told of the version; 0: nothing.
    uint64_t decide(const ProposedBlock& block, CometNode& node) {
        const auto answer = node.finalize(block).finalize_block();
        EXPECT_TRUE(node.commit().has_commit());
        tip_ = {block.height, block.time_ms, node.engine().head_hash()};
        return answer.consensus_param_updates().version().app();
    }

    TempDirectory directory_;
    CometNode new_{directory_.file("new"), 0, kNext};
    CometNode old_{directory_.file("old")};
    ChainTip tip_ = genesis_tip(comet_genesis());
};

TEST_F(UpgradeUnderComet, TheEngineIsToldWithTheBlockBefore) {
    EXPECT_EQ(new_.info().app_version(), kToyVersion);
    for (uint64_t height = 1; height <= kHeight + 1; ++height) {
        if (height == kHeight) {
            new_.stop();
            new_.start();
        }
        const ProposedBlock block = next({height == 2 ? upgrade(height - 1) : note(height - 1)});
        EXPECT_TRUE(new_.accepts(block));
        EXPECT_EQ(decide(block, new_), height == kHeight - 1 ? kNext : 0U) << height;
        EXPECT_EQ(new_.info().app_version(), height >= kHeight - 1 ? kNext : kToyVersion);
        const auto stored = new_.engine().block(height).value().block.header();
        EXPECT_EQ(stored.app_version(), height >= kHeight ? kNext : kToyVersion);
    }
}

TEST_F(UpgradeUnderComet, AnOldProgramVotesForNoBlockOfTheNewRules) {
    for (uint64_t height = 1; height < kHeight; ++height) {
        const ProposedBlock block = next({height == 2 ? upgrade(height - 1) : note(height - 1)});
        EXPECT_TRUE(old_.accepts(block));
        (void)decide(block, old_);
    }
    EXPECT_EQ(old_.engine().failure(), "") << "it takes part until then";
    EXPECT_FALSE(old_.accepts(next({})));
    EXPECT_TRUE(old_.engine().failure().starts_with(kNeeded)) << old_.engine().failure();
    EXPECT_TRUE(old_.finalize(next({})).has_exception());
    EXPECT_EQ(old_.engine().height(), kHeight - 1);
}

// CometBFT itself, with one validator, where it is built.
class UpgradeOfARealEngine : public ::testing::Test {
protected:
    // The validators of the toy rules are not the engine's.
    class Rules : public ToyRules {
    public:
        using ToyRules::ToyRules;
        std::vector<ValidatorPower> validators(const ReadView&) const override { return {}; }
    };

    void SetUp() override {
        if (!std::filesystem::exists(kProgram)) GTEST_SKIP() << "no " << kProgram;
        const auto identity = comet::create_identity(home_).value();
        genesis_ = comet_genesis();
        genesis_.mutable_validators(0)->set_consensus_key(identity.consensus_key.data(),
                                                          identity.consensus_key.size());
    }
    // Until it stands at `height`, or has failed, with a transaction a block.
    void run_until(comet::CometEngine& engine, uint64_t height) {
        for (int i = 0; i < 1200 && engine.height() < height && engine.failure().empty(); ++i) {
            const Bytes tx = nonce_ == 0 ? upgrade(0) : note(nonce_);
            if (engine.submit(tx).code == TxCode::kOk) ++nonce_;
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
        }
    }
    std::unique_ptr<comet::CometEngine> start(LocalApplication& app, Database& database) {
        comet::CometOptions options;
        options.config.home = home_;
        options.config.moniker = "upgrade";
        options.config.p2p_port = 0;
        options.config.block_interval_ms = 50;
        options.config.heartbeat_ms = 200;
        options.program = kProgram;
        auto engine =
            comet::CometEngine::create(app, database, genesis_, std::move(options)).value();
        EXPECT_TRUE(engine->start().ok());
        return engine;
    }

    static constexpr char kProgram[] = ASSAY_SOURCE_DIR "/build/cometbft/cometbft";
    TempDirectory directory_;
    const std::string home_ = directory_.file("engine");
    pb::Genesis genesis_;
    uint64_t nonce_ = 0;
};

TEST_F(UpgradeOfARealEngine, AnOldProgramStopsAndItsSuccessorsHeadersCarryTheVersion) {
    const auto database = Database::open(directory_.file("ledger")).value();
    {
        const Rules rules;
        const auto app = LocalApplication::open(rules, *database).value();
        const auto engine = start(*app, *database);
        run_until(*engine, kHeight + 3);
        EXPECT_TRUE(engine->failure().starts_with(kNeeded)) << engine->failure();
        EXPECT_EQ(engine->height(), kHeight - 1);
        engine->stop();
    }
    const Rules rules(kNext);
    const auto app = LocalApplication::open(rules, *database).value();
    const auto engine = start(*app, *database);
    run_until(*engine, kHeight + 3);
    ASSERT_GE(engine->height(), kHeight + 3) << engine->failure();
    for (uint64_t height = 1; height <= kHeight + 2; ++height) {
        const auto certificate = engine->certificate(height);
        ASSERT_TRUE(certificate.ok()) << certificate.error().message;
        abci::Certificate decoded;
        ASSERT_TRUE(
            decoded.ParseFromArray(certificate->data(), static_cast<int>(certificate->size())));
        EXPECT_EQ(decoded.header().version().app(), height >= kHeight ? kNext : kToyVersion);
    }
    const std::string file = directory_.file("export");
    const auto exported = export_chain(
        genesis_, kHeight + 2,
        [&](uint64_t height) -> Result<ExportedBlock> {
            ExportedBlock block;
            ASSAY_ASSIGN(block.block, engine->encoded_block(height));
            ASSAY_ASSIGN(block.certificate, engine->certificate(height));
            ASSAY_ASSIGN(block.events, database->events_at(height));
            return block;
        },
        file);
    ASSERT_TRUE(exported.ok()) << exported.error().message;
    const auto report = replay_export(file, rules);
    EXPECT_TRUE(report.ok()) << report.error().message;
    engine->stop();
}

}  // namespace
}  // namespace assay::ledger
