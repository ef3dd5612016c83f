// The follower takes only what the producer signed and execution confirms.
#include <gtest/gtest.h>

#include "ledger/engine/follower.h"
#include "tests/ledger/engine/toy_chain.h"

namespace assay::ledger {
namespace {

using namespace testing;  // NOLINT: the toy chain's vocabulary

class FollowerTest : public ::testing::Test {
protected:
    FollowerTest() : node_(directory_.file("follower")) {
        FollowerOptions options;
        options.relay = [this](ByteView tx) { return relay_ ? relay_(tx) : CheckResult{}; };
        follower_ = Follower::create(*node_.app, *node_.database, toy_genesis(), std::move(options))
                        .value();
    }
    Bytes produce_transfer() {
        const ToyTx tx{.nonce = chain_.producer->next_nonce(toy_address(1))};
        EXPECT_EQ(chain_.producer->submit(toy_transfer(tx, 2, 5)).code, TxCode::kOk);
        const uint64_t height = chain_.close().block.header().height();
        return chain_.producer->encoded_block(height).value();
    }
    // The block with one change, signed again by `signer`.
    static Bytes forge(const Bytes& encoded, const std::function<void(pb::Block&)>& change,
                       uint8_t signer) {
        pb::Block block = decode_block(encoded).value();
        change(block);
        const Bytes signature = sign_header(block.header(), toy_key(signer)).value();
        block.set_signature(std::string(text_of(signature)));
        return encode_block(block).value();
    }
    std::string refusal(ByteView block) {
        const Status applied = follower_->apply(block);
        return applied ? "" : applied.error().message;
    }

    TempDirectory directory_;
    ToyChain chain_{directory_.file("producer")};
    ToyNode node_;
    RelayFunction relay_;
    std::unique_ptr<Follower> follower_;
};

TEST_F(FollowerTest, ReachesTheSameStateAndServesTheSameBlocks) {
    uint64_t heard = 0;
    follower_->subscribe([&](const CommittedBlock& block) { heard += block.events.size(); });
    for (int i = 0; i < 5; ++i) ASSERT_EQ(refusal(produce_transfer()), "");
    EXPECT_EQ(follower_->height(), 5U);
    EXPECT_EQ(follower_->head_hash(), chain_.producer->head_hash());
    EXPECT_EQ(node_.app->info().app_hash, chain_.node.app->info().app_hash);
    EXPECT_EQ(follower_->encoded_block(3).value(), chain_.producer->encoded_block(3).value());
    EXPECT_EQ(heard, 5U);
}

TEST_F(FollowerTest, RefusesBlocksOutOfOrderAndGoesOn) {
    const Bytes first = produce_transfer();
    const Bytes second = produce_transfer();
    EXPECT_EQ(follower_->apply(second).error().code, Code::kConflict);
    ASSERT_EQ(refusal(first), "");
    EXPECT_EQ(follower_->apply(first).error().code, Code::kConflict);
    EXPECT_EQ(refusal(second), "");
    EXPECT_EQ(follower_->failure(), "");
}

TEST_F(FollowerTest, NamesTheFieldOfAnInvalidBlockAndStaysHealthy) {
    const Bytes good = produce_transfer();
    const auto other = std::string(32, '\x05');
    const auto named = [&](const std::function<void(pb::Block&)>& change, uint8_t signer = 0) {
        const std::string message = refusal(forge(good, change, signer));
        return message.substr(0, message.find(':', message.find(':') + 1));
    };
    using B = pb::Block;
    EXPECT_EQ(named([](B& b) { b.mutable_header()->set_chain_id("other"); }),
              "height 1: header.chain_id");
    EXPECT_EQ(named([](B& b) { b.mutable_header()->set_app_version(9); }),
              "height 1: header.app_version");
    EXPECT_EQ(named([&](B& b) { b.mutable_header()->set_previous_hash(other); }),
              "height 1: header.previous_hash");
    EXPECT_EQ(named([](B& b) { b.mutable_header()->set_time_ms(kToyGenesisTimeMs); }),
              "height 1: header.time_ms");
    EXPECT_EQ(named([&](B& b) { b.set_transactions(0, "other"); }), "height 1: transactions");
    EXPECT_EQ(named([&](B& b) { b.mutable_results(0)->set_code(400); }), "height 1: results");
    EXPECT_EQ(named([](B&) {}, 1), "height 1: signature");
    EXPECT_EQ(named(
                  [](B& b) {
                      b.mutable_header()->set_producer(std::string(text_of(toy_address(1).view())));
                  },
                  1),
              "height 1: header.producer");
    EXPECT_EQ(follower_->failure(), "");
    EXPECT_EQ(refusal(good), "");
}

TEST_F(FollowerTest, StopsWhenTheProducerSignedWhatExecutionDenies) {
    const Bytes good = produce_transfer();
    const Bytes forged = forge(
        good, [](pb::Block& b) { b.mutable_header()->set_app_hash(std::string(32, 'x')); }, 0);
    EXPECT_TRUE(refusal(forged).starts_with("height 1: header.app_hash: "));
    EXPECT_TRUE(follower_->failure().starts_with("height 1: header.app_hash: "));
    EXPECT_EQ(follower_->height(), 0U);
    EXPECT_EQ(follower_->apply(good).error().code, Code::kInternal);
}

TEST_F(FollowerTest, ChecksHereThenRelays) {
    int relayed = 0;
    relay_ = [&](ByteView tx) {
        ++relayed;
        return chain_.producer->submit(tx);
    };
    EXPECT_EQ(follower_->submit(bytes_of("nonsense")).code, TxCode::kMalformedEncoding);
    EXPECT_EQ(relayed, 0);
    const Bytes tx = toy_transfer({.nonce = 0}, 2, 5);
    EXPECT_EQ(follower_->submit(tx).code, TxCode::kOk);
    EXPECT_EQ(follower_->mempool_size(), 1U);
    EXPECT_EQ(follower_->next_nonce(toy_address(1)), 1U);
    EXPECT_EQ(follower_->submit(tx).code, TxCode::kAlreadyPending);
    EXPECT_EQ(relayed, 2);
    chain_.close();
    ASSERT_EQ(refusal(chain_.producer->encoded_block(1).value()), "");
    EXPECT_EQ(follower_->mempool_size(), 0U);
}

TEST_F(FollowerTest, TakesBackWhatTheProducerRefused) {
    relay_ = [](ByteView) {
        CheckResult unreachable;
        unreachable.code = TxCode::kNotAccepting;
        return unreachable;
    };
    const Bytes tx = toy_transfer({.nonce = 0}, 2, 5);
    EXPECT_EQ(follower_->submit(tx).code, TxCode::kNotAccepting);
    EXPECT_EQ(follower_->mempool_size(), 0U);
    EXPECT_EQ(follower_->next_nonce(toy_address(1)), 0U);
    EXPECT_EQ(follower_->submit(tx).code, TxCode::kNotAccepting);
}

TEST_F(FollowerTest, RelaysAgainWhatTheProducerLost) {
    int relayed = 0;
    bool loses = true;
    relay_ = [&](ByteView tx) {
        ++relayed;
        return loses ? CheckResult{} : chain_.producer->submit(tx);
    };
    EXPECT_EQ(follower_->submit(toy_transfer({.from = 1, .nonce = 0}, 2, 5)).code, TxCode::kOk);
    EXPECT_EQ(follower_->submit(toy_transfer({.from = 1, .nonce = 1}, 2, 5)).code, TxCode::kOk);
    loses = false;
    const auto pass_block = [&] {
        chain_.close();
        const Bytes block = chain_.producer->encoded_block(chain_.producer->height()).value();
        ASSERT_EQ(refusal(block), "");
    };
    pass_block();
    EXPECT_EQ(relayed, 2);  // one block may pass while they are on their way
    pass_block();
    EXPECT_EQ(relayed, 4);
    EXPECT_EQ(chain_.producer->mempool_size(), 2U);
    pass_block();
    EXPECT_EQ(relayed, 4);
    EXPECT_EQ(follower_->mempool_size(), 0U);
    EXPECT_EQ(chain_.producer->next_nonce(toy_address(1)), 2U);
}

TEST_F(FollowerTest, AsksAboutTheOldestAloneWhileTheProducerHasThem) {
    int relayed = 0;
    relay_ = [&](ByteView) {
        ++relayed;
        CheckResult answer;
        answer.code = relayed <= 2 ? TxCode::kOk : TxCode::kAlreadyPending;
        return answer;
    };
    EXPECT_EQ(follower_->submit(toy_transfer({.from = 1, .nonce = 0}, 2, 5)).code, TxCode::kOk);
    EXPECT_EQ(follower_->submit(toy_transfer({.from = 1, .nonce = 1}, 2, 5)).code, TxCode::kOk);
    for (int blocks = 0; blocks < 3; ++blocks) {
        chain_.close();
        const Bytes block = chain_.producer->encoded_block(chain_.producer->height()).value();
        ASSERT_EQ(refusal(block), "");
    }
    EXPECT_EQ(relayed, 4);
    EXPECT_EQ(follower_->mempool_size(), 2U);
}

}  // namespace
}  // namespace assay::ledger
