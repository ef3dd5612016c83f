// Blocks that are deleted: what is gone, what is still proven, and that the chain does not notice.
#include <gtest/gtest.h>

#include "ledger/state/database.h"
#include "ledger/state/merkle_hash.h"
#include "ledger/state/verify.h"
#include "tests/ledger/state/support.h"

namespace assay::ledger {
namespace {

using test::Random;
using test::TempDirectory;

const Hash256 kParams = plain_hash(view_of("params"));

struct Made {
    State::Changes changes;
    std::vector<Bytes> events;
    Hash256 tx;
};

Made random_block(Random& random) {
    Made made;
    for (int i = 0; i < 10; ++i) made.changes[random.bytes(2)] = random.bytes(20);
    for (uint64_t i = random.below(6); i > 0; --i) made.events.push_back(random.bytes(30));
    made.tx = plain_hash(random.bytes(8));
    return made;
}

void commit(Database& database, const Made& made, ForgottenBlocks forgotten = {}) {
    const uint64_t height = database.empty() ? 0 : database.height() + 1;
    const auto prepared = database.prepare(height, made.changes, made.events, kParams).value();
    BlockRecord record;
    record.encoded_block = bytes_of("block " + std::to_string(height));
    record.tx_hashes = {made.tx};
    record.forgotten = std::move(forgotten);
    ASSERT_TRUE(database.commit(prepared, record).ok());
}

void expect_pruned(const Database& database, uint64_t lowest) {
    EXPECT_EQ(database.lowest_block(), lowest);
    for (uint64_t height = 1; height < lowest; ++height)
        EXPECT_EQ(database.block(height).error().code, Code::kNotFound) << height;
    for (uint64_t height = lowest; height <= database.height(); ++height) {
        EXPECT_TRUE(database.block(height).ok()) << height;
        ASSERT_TRUE(database.events_at(height).ok()) << height;
    }
    const uint64_t first = database.record(lowest - 1)->parts.log_size;
    const CommitRecord last = database.last();
    for (uint64_t index = first; index < last.parts.log_size; ++index) {
        const auto proof = database.prove_event(index);
        ASSERT_TRUE(proof.ok()) << proof.error().message;
        EXPECT_TRUE(verify_app_event(last.app_hash, index, proof->event, proof->proof).ok());
    }
    for (uint64_t index = 0; index + 8 <= first; ++index)
        EXPECT_EQ(database.prove_event(index).error().code, Code::kNotFound) << index;
    const Status contents = database.verify_contents();
    EXPECT_TRUE(contents.ok()) << contents.error().message;
}

class PrunedChain : public ::testing::TestWithParam<uint64_t> {};

TEST_P(PrunedChain, GoesOnAsOneThatKeepsEverything) {
    Random random(GetParam());
    const TempDirectory directory;
    const auto whole = Database::open(directory.path("whole"), {.sync = false}).value();
    auto pruned = Database::open(directory.path("pruned"), {.sync = false}).value();
    std::vector<Hash256> txs;
    uint64_t lowest = 1;
    for (uint64_t height = 0; height < 60; ++height) {
        const Made made = random_block(random);
        txs.push_back(made.tx);
        commit(*whole, made);
        ForgottenBlocks forgotten;
        if (height > 20 && random.below(3) == 0) {
            forgotten.below = lowest + random.below(height - lowest);
            for (; lowest < forgotten.below; ++lowest) forgotten.tx_hashes.push_back(txs[lowest]);
        }
        commit(*pruned, made, std::move(forgotten));
        ASSERT_EQ(pruned->last().app_hash, whole->last().app_hash);
        if (height % 20 != 19) continue;
        pruned.reset();
        pruned = Database::open(directory.path("pruned"), {.sync = false}).value();
        if (lowest > 1) expect_pruned(*pruned, lowest);
    }
    ASSERT_GT(lowest, 1U);
    for (uint64_t height = 1; height < 60; ++height)
        EXPECT_EQ(pruned->find_tx(txs[height]).has_value(), height >= lowest) << height;
    EXPECT_TRUE(whole->verify_contents().ok());
}
INSTANTIATE_TEST_SUITE_P(Seeds, PrunedChain, ::testing::Range<uint64_t>(0, 12));

TEST(Pruning, AlsoAfterASnapshotWasTakenIn) {
    Random random(5);
    for (uint64_t before = 3; before < 15; ++before) {
        const TempDirectory directory;
        const auto whole = Database::open(directory.path("whole"), {.sync = false}).value();
        for (uint64_t i = 0; i <= before; ++i) commit(*whole, random_block(random));
        ASSERT_TRUE(write_snapshot(whole->source(), directory.path("snapshot")).ok());
        const auto file = SnapshotFile::open(directory.path("snapshot")).value();
        const auto copy = Database::open(directory.path("copy"), {.sync = false}).value();
        const auto restore =
            copy->begin_restore(decode_manifest(file.manifest()).value(), file.height()).value();
        for (size_t i = 0; i < file.chunk_count(); ++i)
            ASSERT_TRUE(restore->add(i, file.chunk(i).value()).ok());
        ASSERT_TRUE(restore->finish({}).ok());
        EXPECT_EQ(copy->lowest_block(), before + 1);
        EXPECT_TRUE(copy->verify_contents().ok());
        for (uint64_t i = 1; i <= 12; ++i) {
            const Made made = random_block(random);
            commit(*whole, made);
            ForgottenBlocks forgotten;
            if (i > 2) forgotten.below = before + i - 1;
            commit(*copy, made, std::move(forgotten));
            ASSERT_EQ(copy->last().app_hash, whole->last().app_hash);
            EXPECT_EQ(copy->lowest_block(), before + (i > 2 ? i - 1 : 1));
            const Status contents = copy->verify_contents();
            EXPECT_TRUE(contents.ok()) << contents.error().message;
        }
    }
}

}  // namespace
}  // namespace assay::ledger
