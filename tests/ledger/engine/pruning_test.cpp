// A node that keeps only the newest blocks, under CometBFT's interface.
#include <gtest/gtest.h>

#include "ledger/audit/export.h"
#include "tests/ledger/engine/comet_node.h"

namespace assay::ledger {
namespace {

using namespace testing;  // NOLINT: the toy chain's vocabulary

class KeptBlocks : public ::testing::Test {
protected:
    // One block of one transfer; the lowest height that the engine may delete everything below.
    uint64_t close(CometNode& node) {
        ProposedBlock block = proposal_after(tip_);
        block.time_ms = tip_.time_ms + 500;
        ToyTx tx;
        tx.nonce = tip_.height;
        block.transactions = {toy_transfer(tx, 2, 1)};
        transactions_.push_back(tx_hash(block.transactions[0]));
        EXPECT_TRUE(node.finalize(block).has_finalize_block());
        const auto committed = node.commit().commit();
        tip_ = {block.height, block.time_ms, node.engine().head_hash()};
        return static_cast<uint64_t>(committed.retain_height());
    }

    TempDirectory directory_;
    ChainTip tip_ = genesis_tip(comet_genesis());
    std::vector<Hash256> transactions_;  // of the blocks from 1 on
};

TEST_F(KeptBlocks, OldBlocksGoWithTheirEventsAndTransactionsAndTheEngineIsTold) {
    CometNode node(directory_.file("node"));
    node.keep_blocks = 5;
    node.stop();
    node.start();
    node.init_chain(init_request());
    for (uint64_t height = 1; height <= 30; ++height)
        EXPECT_EQ(close(node), height > 5 ? height - 4 : 1U);
    EXPECT_EQ(node.engine().lowest_height(), 26U);
    for (const uint64_t gone : {1U, 25U}) {
        EXPECT_NE(node.engine().block(gone).error().message.find("has blocks from height 26 on"),
                  std::string::npos);
        EXPECT_EQ(node.engine().find_tx(transactions_[gone - 1]), std::nullopt);
    }
    EXPECT_EQ(node.engine().block(26).value().events.size(), 1U);
    EXPECT_EQ(node.engine().find_tx(transactions_[25])->height, 26U);
    EXPECT_TRUE(node.database().verify_contents().ok());
    EXPECT_NE(export_ledger(node.engine(), directory_.file("export"))
                  .error()
                  .message.find("Remedy: ask a node that has every block"),
              std::string::npos);
    node.stop();
    node.start();
    EXPECT_EQ(node.info().last_block_height(), 30);
    EXPECT_EQ(close(node), 27U);
}

TEST_F(KeptBlocks, WithoutALimitTheEngineKeepsItsOwnToo) {
    CometNode node(directory_.file("node"));
    node.init_chain(init_request());
    for (int i = 0; i < 30; ++i) EXPECT_EQ(close(node), 0U);
    // Set later, it works off what is there, a few with each block.
    node.keep_blocks = 2;
    node.stop();
    node.start();
    EXPECT_EQ(close(node), 17U);
    EXPECT_EQ(close(node), 31U);
    EXPECT_EQ(close(node), 32U);
}

TEST_F(KeptBlocks, WhatASnapshotGoesOnWithStays) {
    CometNode node(directory_.file("node"), 10);
    node.keep_blocks = 3;
    node.stop();
    node.start();
    node.init_chain(init_request());
    for (int i = 0; i < 45; ++i) {
        const uint64_t lowest = close(node);
        const auto snapshots = node.app().list_snapshots();
        EXPECT_TRUE(snapshots.empty() || lowest <= snapshots.front().height);
    }
    auto snapshots = node.app().list_snapshots();
    for (int i = 0; i < 1000 && snapshots.empty(); ++i) {  // it is written in the background
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
        snapshots = node.app().list_snapshots();
    }
    ASSERT_FALSE(snapshots.empty());
    for (uint64_t height = snapshots.front().height; height <= 45; ++height)
        EXPECT_TRUE(node.engine().block(height).ok()) << height;
}

}  // namespace
}  // namespace assay::ledger
