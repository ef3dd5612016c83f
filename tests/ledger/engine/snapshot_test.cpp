// A node that begins with another's snapshot, over the engine's interface.
#include <gtest/gtest.h>

#include <fstream>

#include "ledger/anchor.h"
#include "ledger/crypto/hash.h"
#include "tests/ledger/engine/comet_node.h"

namespace assay::ledger {
namespace {

using namespace testing;  // NOLINT: the toy chain's vocabulary
using Driver = CometDriver;
using Offer = abci::ResponseOfferSnapshot;
using Apply = abci::ResponseApplySnapshotChunk;

class StateSync : public ::testing::Test {
protected:
    StateSync() : old_(directory_.file("old"), kInterval) {
        old_.init_chain(init_request());
        tip_ = genesis_tip(comet_genesis());
        for (int i = 0; i < 25; ++i) close(old_);
        snapshot_ = latest();
    }

    // One block of one transfer; `others` decide the same.
    void close(CometNode& node, CometNode* other = nullptr) {
        ProposedBlock block = proposal_after(tip_);
        block.time_ms = tip_.time_ms + 500;
        ToyTx tx;
        tx.nonce = nonce_++;
        block.transactions = {toy_transfer(tx, 2, 1 + nonce_)};
        decide(block, node, other);
    }
    void decide(const ProposedBlock& block, CometNode& node, CometNode* other) {
        const auto found = node.finalize(block).finalize_block();
        ASSERT_TRUE(node.commit().has_commit());
        if (other != nullptr) {
            ASSERT_EQ(other->finalize(block).finalize_block().app_hash(), found.app_hash());
            ASSERT_TRUE(other->commit().has_commit());
            ASSERT_EQ(other->engine().head_hash(), node.engine().head_hash());
        }
        tip_ = {block.height, block.time_ms, node.engine().head_hash()};
    }
    abci::Snapshot latest() {
        for (int i = 0; i < 500; ++i) {  // it is written in the background
            abci::Request request;
            request.mutable_list_snapshots();
            const auto list = old_.driver().call(Driver::kSnapshot, request).list_snapshots();
            if (list.snapshots_size() == 2) return list.snapshots(1);
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
            if (list.snapshots_size() == 1) close(old_);
        }
        std::abort();
    }
    std::string chunk(uint32_t index) {
        abci::Request request;
        request.mutable_load_snapshot_chunk()->set_height(snapshot_.height());
        request.mutable_load_snapshot_chunk()->set_format(snapshot_.format());
        request.mutable_load_snapshot_chunk()->set_chunk(index);
        return old_.driver().call(Driver::kSnapshot, request).load_snapshot_chunk().chunk();
    }
    std::string app_hash() {
        return hash_text(old_.database().record(snapshot_.height()).value().app_hash);
    }
    static abci::Response offer(CometNode& node, const abci::Snapshot& snapshot,
                                const std::string& app_hash) {
        abci::Request request;
        *request.mutable_offer_snapshot()->mutable_snapshot() = snapshot;
        request.mutable_offer_snapshot()->set_app_hash(app_hash);
        return node.driver().call(Driver::kSnapshot, request);
    }
    static abci::ResponseApplySnapshotChunk apply(CometNode& node, uint32_t index,
                                                  const std::string& bytes) {
        abci::Request request;
        request.mutable_apply_snapshot_chunk()->set_index(index);
        request.mutable_apply_snapshot_chunk()->set_chunk(bytes);
        request.mutable_apply_snapshot_chunk()->set_sender("peer-1");
        return node.driver().call(Driver::kSnapshot, request).apply_snapshot_chunk();
    }
    void take_in(CometNode& node) {
        ASSERT_EQ(offer(node, snapshot_, app_hash()).offer_snapshot().result(), Offer::ACCEPT);
        for (uint32_t i = 0; i < snapshot_.chunks(); ++i) {
            ASSERT_EQ(node.info().last_block_height(), 0);
            ASSERT_EQ(apply(node, i, chunk(i)).result(), Apply::ACCEPT);
        }
    }

    // The blocks since the snapshot.
    void catch_up(CometNode& node) {
        for (uint64_t height = snapshot_.height() + 1; height <= tip_.height; ++height) {
            const auto stored = old_.engine().block(height).value();
            const auto previous = old_.engine().block(height - 1).value().block.header();
            const ChainTip before = tip_of(previous);
            ASSERT_EQ(before.hash, node.engine().head_hash());
            const ProposedBlock proposal = proposal_of(stored.block, before);
            ASSERT_EQ(node.finalize(proposal).finalize_block().app_hash(),
                      stored.block.header().app_hash());
            ASSERT_TRUE(node.commit().has_commit());
        }
    }

    static constexpr uint64_t kInterval = 10;
    TempDirectory directory_;
    CometNode old_;
    ChainTip tip_;
    uint64_t nonce_ = 0;
    abci::Snapshot snapshot_;
};

TEST_F(StateSync, ANewNodeGoesOnAsTheOldOne) {
    CometNode young(directory_.file("young"));
    take_in(young);
    EXPECT_EQ(young.info().last_block_height(), static_cast<int64_t>(snapshot_.height()));
    EXPECT_EQ(young.info().last_block_app_hash(), app_hash());
    const auto block = old_.engine().block(snapshot_.height()).value();
    EXPECT_EQ(young.engine().head_hash(), block.hash);
    EXPECT_EQ(young.engine().block(3).error().code, Code::kNotFound);
    EXPECT_TRUE(young.database().verify_contents().ok());

    catch_up(young);
    for (int i = 0; i < 5; ++i) close(old_, &young);
    young.stop();
    young.start();
    EXPECT_EQ(young.info().last_block_height(), static_cast<int64_t>(tip_.height));
    for (int i = 0; i < 5; ++i) close(old_, &young);
    EXPECT_TRUE(young.database().verify_contents().ok());
}

TEST_F(StateSync, AtTheSnapshotsHeightItStartsAgain) {
    CometNode young(directory_.file("young"));
    take_in(young);
    const Hash256 head = young.engine().head_hash();
    young.stop();
    young.start();
    EXPECT_EQ(young.engine().head_hash(), head);
    EXPECT_EQ(young.engine().height(), snapshot_.height());
}

TEST_F(StateSync, OnlyTheChainsOwnSnapshotIsTaken) {
    CometNode young(directory_.file("young"));
    const auto result = [&](const abci::Snapshot& snapshot, const std::string& hash) {
        return offer(young, snapshot, hash).offer_snapshot().result();
    };
    EXPECT_EQ(result(snapshot_, std::string(32, 'x')), Offer::REJECT_SENDER);
    EXPECT_EQ(result(snapshot_, ""), Offer::REJECT_SENDER);
    abci::Snapshot changed = snapshot_;
    changed.mutable_metadata()->back() ^= 1;
    EXPECT_EQ(result(changed, app_hash()), Offer::REJECT_SENDER);
    changed = snapshot_;
    changed.set_chunks(17);
    EXPECT_EQ(result(changed, app_hash()), Offer::REJECT_SENDER);
    changed = snapshot_;
    changed.mutable_hash()->back() ^= 1;
    EXPECT_EQ(result(changed, app_hash()), Offer::REJECT_SENDER);
    changed = snapshot_;
    changed.set_format(kSnapshotFormat + 1);
    EXPECT_EQ(result(changed, app_hash()), Offer::REJECT_FORMAT);
    changed = snapshot_;
    changed.set_height(0);
    EXPECT_EQ(result(changed, app_hash()), Offer::REJECT);
    EXPECT_EQ(young.info().last_block_height(), 0);
    take_in(young);
    // A node with blocks has no use for one, and loses nothing.
    catch_up(young);
    EXPECT_TRUE(offer(young, snapshot_, app_hash()).has_exception());
    EXPECT_EQ(young.info().last_block_height(), static_cast<int64_t>(tip_.height));
}

// The engine keeps no state before the last chunk is in and checked: whenever it ends, it offers
// a snapshot again.
TEST_F(StateSync, AnEngineThatEndedBeforeItsFirstStateOffersAgain) {
    CometNode young(directory_.file("young"));
    take_in(young);
    for (const uint32_t chunks : {0U, 7U, snapshot_.chunks()}) {
        young.stop();
        young.start();
        ASSERT_EQ(offer(young, snapshot_, app_hash()).offer_snapshot().result(), Offer::ACCEPT);
        for (uint32_t i = 0; i < chunks; ++i)
            ASSERT_EQ(apply(young, i, chunk(i)).result(), Apply::ACCEPT) << chunks;
    }
    // Without a crash in between, too; the engine reads its height until the last chunk is in.
    ASSERT_EQ(offer(young, snapshot_, app_hash()).offer_snapshot().result(), Offer::ACCEPT);
    for (uint32_t i = 0; i < snapshot_.chunks(); ++i)
        ASSERT_EQ(apply(young, i, chunk(i)).result(), Apply::ACCEPT);
    EXPECT_EQ(young.info().last_block_app_hash(), app_hash());
    EXPECT_TRUE(young.database().verify_contents().ok());
    catch_up(young);
    EXPECT_EQ(young.engine().head_hash(), old_.engine().head_hash());
}

TEST_F(StateSync, ABadChunkIsAskedForElsewhere) {
    CometNode young(directory_.file("young"));
    ASSERT_EQ(offer(young, snapshot_, app_hash()).offer_snapshot().result(), Offer::ACCEPT);
    for (uint32_t i = 0; i < snapshot_.chunks(); ++i) {
        std::string bad = chunk(i);
        bad.back() ^= 1;
        const auto answer = apply(young, i, bad);
        EXPECT_EQ(answer.result(), Apply::RETRY);
        ASSERT_EQ(answer.refetch_chunks_size(), 1);
        EXPECT_EQ(answer.refetch_chunks(0), i);
        ASSERT_EQ(answer.reject_senders_size(), 1);
        EXPECT_EQ(answer.reject_senders(0), "peer-1");
        ASSERT_EQ(apply(young, i, chunk(i)).result(), Apply::ACCEPT);
    }
    EXPECT_EQ(young.info().last_block_app_hash(), app_hash());
}

TEST_F(StateSync, ASnapshotOfAnotherHeightThanItsAnchorSaysIsRejected) {
    CometNode young(directory_.file("young"));
    abci::Snapshot moved = snapshot_;
    moved.set_height(snapshot_.height() + 1);
    ASSERT_EQ(offer(young, moved, app_hash()).offer_snapshot().result(), Offer::ACCEPT);
    const auto manifest = decode_manifest(view_of(snapshot_.metadata())).value();
    const auto anchored = static_cast<uint32_t>(chunk_index(manifest.chunks, sha256(anchor_key())));
    // As soon as it shows, not when the last chunk has come.
    ASSERT_EQ(apply(young, (anchored + 1) % 16, chunk((anchored + 1) % 16)).result(),
              Apply::ACCEPT);
    EXPECT_EQ(apply(young, anchored, chunk(anchored)).result(), Apply::REJECT_SNAPSHOT);
    take_in(young);  // the right one after it
    EXPECT_EQ(young.info().last_block_app_hash(), app_hash());
}

TEST_F(StateSync, ANodeThatBeganAnewDropsTheSnapshotsOfItsPast) {
    old_.stop();
    std::filesystem::remove_all(directory_.file("old/ledger"));
    ASSERT_FALSE(std::filesystem::is_empty(directory_.file("old/snapshots")));
    old_.start();
    EXPECT_TRUE(old_.app().list_snapshots().empty());
    EXPECT_TRUE(std::filesystem::is_empty(directory_.file("old/snapshots")));
}

TEST(Snapshots, OneThatFailsIsTriedAgainWhenTheNextIsDue) {
    const TempDirectory directory;
    ToyChain chain(directory.file("ledger"));
    std::ofstream(directory.file("no-folder")) << "a file";
    std::atomic<int> failures = 0;
    SnapshotOptions options;
    options.directory = directory.file("no-folder");
    options.interval = 5;
    options.log = [&](const std::string&) { ++failures; };
    SnapshotKeeper keeper(options);
    for (uint64_t nonce = 0; nonce < 17; ++nonce) {
        ToyTx tx;
        tx.nonce = nonce;
        ASSERT_EQ(chain.producer->submit(toy_transfer(tx, 2, 1)).code, TxCode::kOk);
        chain.close();
        keeper.committed(*chain.node.database);
        keeper.wait();
    }
    EXPECT_EQ(failures, 3) << "at heights 5, 10 and 15";
}

TEST_F(StateSync, CutOffMidwayItBeginsAnew) {
    CometNode young(directory_.file("young"));
    ASSERT_EQ(offer(young, snapshot_, app_hash()).offer_snapshot().result(), Offer::ACCEPT);
    for (uint32_t i = 0; i < 5; ++i) ASSERT_EQ(apply(young, i, chunk(i)).result(), Apply::ACCEPT);
    young.stop();
    young.start();
    EXPECT_EQ(young.info().last_block_height(), 0);
    EXPECT_EQ(apply(young, 5, chunk(5)).result(), Apply::REJECT_SNAPSHOT);
    take_in(young);
    EXPECT_EQ(young.info().last_block_app_hash(), app_hash());
}

TEST_F(StateSync, AnEmptyBlockChangesNoAppHashAndMakesNoSnapshot) {
    const std::string before = old_.info().last_block_app_hash();
    ProposedBlock block = proposal_after(tip_);
    block.time_ms = tip_.time_ms + 1;
    decide(block, old_, nullptr);
    EXPECT_EQ(old_.info().last_block_app_hash(), before);
    const auto anchor =
        decode_anchor(old_.app().committed_state()->get(anchor_key()).value()).value();
    EXPECT_EQ(anchor.height, tip_.height - 1);
    EXPECT_EQ(header_hash(header_of(anchor, *hash_from(view_of(before)), comet_genesis())),
              old_.engine().block(anchor.height).value().hash);
}

TEST_F(StateSync, SnapshotsOutliveARestartAndTheNewestTwoAreKept) {
    const uint64_t first = snapshot_.height();
    old_.stop();
    old_.start();
    snapshot_ = latest();
    EXPECT_EQ(snapshot_.height(), first);
    CometNode young(directory_.file("young"));
    take_in(young);
    for (uint64_t i = 0; i < 2 * kInterval + 1; ++i) {
        close(old_);
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    for (int i = 0; i < 500 && latest().height() == first; ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    EXPECT_GT(latest().height(), first);
    EXPECT_FALSE(old_.app().load_snapshot_chunk(1, kSnapshotFormat, 0).ok());
}

}  // namespace
}  // namespace assay::ledger
