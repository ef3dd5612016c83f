// The embedded producer under the traffic and the crashes that the CometBFT engine is driven with
// (comet_test.cpp): each block equals what the application gives when driven directly, and a
// follower takes it.
#include <gtest/gtest.h>

#include "ledger/block_check.h"
#include "ledger/engine/follower.h"
#include "tests/ledger/engine/toy_traffic.h"

namespace assay::ledger {
namespace {

using namespace testing;  // NOLINT: the toy chain's vocabulary

class ProducerStory {
public:
    ProducerStory(uint32_t seed, const TempDirectory& directory)
        : traffic_(seed),
          producer_home_(directory.file("producer")),
          follower_home_(directory.file("follower")),
          plain_(directory.file("plain"), {.sync = false}) {
        EXPECT_TRUE(plain_.app->init_chain(toy_genesis()).ok());
        tip_ = genesis_tip(toy_genesis());
        open_producer();
        open_follower();
    }

    void height() {
        for (uint64_t i = traffic_.draw(6); i > 0; --i) {
            const Bytes tx = traffic_.transaction(*plain_.app->committed_state());
            (chain_->producer->submit(tx).code == TxCode::kOk ? admitted_ : refused_) += 1;
        }
        chain_->now_ms = tip_.time_ms + traffic_.draw(3000);  // also a clock that stands still
        const CommittedBlock made = chain_->producer->produce_block().value();
        compare(made);
        ASSERT_TRUE(
            follower_->apply(chain_->producer->encoded_block(made.block.header().height()).value())
                .ok());
        EXPECT_EQ(follower_node_->app->info().app_hash, app_hash_);
        if (traffic_.draw(100) == 0) {  // what waits is lost, what is committed is not
            chain_.reset();
            open_producer();
            EXPECT_EQ(chain_->producer->height(), tip_.height);
            EXPECT_EQ(chain_->node.app->info().app_hash, app_hash_);
            ++restarts_;
        }
        if (traffic_.draw(100) == 0) {
            open_follower();
            EXPECT_EQ(follower_->head_hash(), chain_->producer->head_hash());
            ++restarts_;
        }
    }
    uint64_t admitted() const { return admitted_; }
    uint64_t refused() const { return refused_; }
    uint64_t included() const { return included_; }
    uint64_t restarts() const { return restarts_; }

private:
    void open_producer() { chain_ = std::make_unique<ToyChain>(producer_home_); }
    void open_follower() {
        follower_.reset();
        follower_node_.reset();
        follower_node_ = std::make_unique<ToyNode>(follower_home_, DatabaseOptions{.sync = false});
        follower_ =
            Follower::create(*follower_node_->app, *follower_node_->database, toy_genesis(), {})
                .value();
    }
    void compare(const CommittedBlock& made) {
        const pb::BlockHeader& header = made.block.header();
        ProposedBlock block = proposal_after(tip_);
        ASSERT_EQ(header.height(), block.height);
        ASSERT_GT(header.time_ms(), tip_.time_ms);
        block.time_ms = header.time_ms();
        for (const std::string& tx : made.block.transactions())
            block.transactions.push_back(bytes_of(tx));
        const auto expected = plain_.app->finalize_block(block);
        ASSERT_TRUE(expected.ok()) << expected.error().message;
        ASSERT_EQ(made.block.results_size(), static_cast<int>(expected->results.size()));
        for (int i = 0; i < made.block.results_size(); ++i) {
            const uint32_t code = expected->results[static_cast<size_t>(i)].code();
            EXPECT_EQ(made.block.results(i).code(), code);
            included_ += is_included(static_cast<TxCode>(code)) ? 1 : 0;
        }
        ASSERT_EQ(header.app_hash(), text_of(expected->app_hash.view()));
        ASSERT_TRUE(plain_.app->commit().ok());
        app_hash_ = expected->app_hash;
        tip_ = tip_of(header);
    }

    ToyTraffic traffic_;
    const std::string producer_home_, follower_home_;
    ToyNode plain_;
    std::unique_ptr<ToyChain> chain_;
    std::unique_ptr<ToyNode> follower_node_;
    std::unique_ptr<Follower> follower_;
    ChainTip tip_;
    Hash256 app_hash_;
    uint64_t admitted_ = 0, refused_ = 0, included_ = 0, restarts_ = 0;
};

TEST(Producer, MakesTenThousandBlocksAsTheApplicationAloneWould) {
    uint64_t admitted = 0, refused = 0, included = 0, restarts = 0;
    for (uint32_t seed = 1; seed <= 4; ++seed) {
        const TempDirectory directory;
        ProducerStory story(seed, directory);
        for (uint64_t i = 0; i < kStoryHeights && !::testing::Test::HasFatalFailure(); ++i)
            story.height();
        admitted += story.admitted();
        refused += story.refused();
        included += story.included();
        restarts += story.restarts();
    }
    EXPECT_GT(admitted, kStoryHeights);
    EXPECT_GT(refused, kStoryHeights);
    EXPECT_GT(included, kStoryHeights);
    EXPECT_GT(restarts, kStoryHeights / 25);
}

}  // namespace
}  // namespace assay::ledger
