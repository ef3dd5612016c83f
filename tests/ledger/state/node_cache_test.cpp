#include "ledger/state/node_cache.h"

#include <atomic>

#include "tests/ledger/state/support.h"

namespace assay::ledger {
namespace {

using test::MemoryNodes;
using test::Random;

// Counts what the cache did not have.
class CountingNodes : public NodeReader {
public:
    MemoryNodes nodes;
    mutable std::atomic<size_t> reads = 0;  // the tree reads from several threads
    Result<std::shared_ptr<const Node>> read_node(const NodeKey& key) const override {
        ++reads;
        return nodes.read_node(key);
    }
};

// A tree whose blocks read through a cache; keys of few bits, so that nodes come and go.
struct CachedTree {
    explicit CachedTree(size_t max_bytes) : cache(max_bytes) {}

    void run_block(Random& random, size_t count) {
        std::map<Hash256, std::optional<Hash256>> batch;
        while (batch.size() < count) {
            Hash256 key;
            key.bytes[0] = static_cast<uint8_t>(random.below(256));
            key.bytes[1] = static_cast<uint8_t>(random.below(16) << 4);
            key.bytes[31] = static_cast<uint8_t>(random.below(2));
            const Hash256 value{{static_cast<uint8_t>(1 + random.below(255))}};
            batch[key] = random.below(3) == 0 ? std::nullopt : std::optional(value);
        }
        std::vector<LeafChange> changes;
        for (const auto& [key, value] : batch) {
            changes.push_back({key, value});
            if (value)
                model[key] = *value;
            else
                model.erase(key);
        }
        const auto update = update_tree(CachedReader(cache, stored), version, changes, next++);
        ASSERT_TRUE(update.ok());
        ASSERT_EQ(update->root, tree_root_of(test::sorted_leaves(model)));
        stored.nodes.apply(*update);
        cache.apply(*update);
        version = update->root_version;
    }

    NodeCache cache;
    CountingNodes stored;
    std::optional<uint64_t> version;
    uint64_t next = 0;
    std::map<Hash256, Hash256> model;
};

TEST(NodeCache, HasEveryNodeOfTheNewestVersionWhenItIsLargeEnough) {
    Random random(1);
    CachedTree tree(size_t{64} << 20);
    for (int i = 0; i < 30; ++i) tree.run_block(random, 400);
    EXPECT_EQ(tree.stored.reads, 0U);
}

TEST(NodeCache, LeavesTheRootsRightWhenNodesDoNotFit) {
    Random random(2);
    CachedTree tree(30'000);
    for (int i = 0; i < 30; ++i) tree.run_block(random, 400);
    EXPECT_GT(tree.stored.reads, 0U);
    EXPECT_LE(tree.cache.memory_bytes(), 30'000U);
}

TEST(NodeCache, KeepsWhatIsWrittenAgainAndDropsTheRest) {
    Random random(3);
    CachedTree tree(200'000);
    for (int i = 0; i < 10; ++i) tree.run_block(random, 400);
    ASSERT_GT(tree.stored.reads, 0U);
    // One key, block after block: its path is there from the second time on.
    const auto again = [&] {
        const Hash256 value{{static_cast<uint8_t>(tree.next)}};
        const std::vector<LeafChange> changes{{tree.model.begin()->first, value}};
        const auto update =
            update_tree(CachedReader(tree.cache, tree.stored), tree.version, changes, tree.next++);
        ASSERT_TRUE(update.ok());
        tree.stored.nodes.apply(*update);
        tree.cache.apply(*update);
        tree.version = update->root_version;
    };
    again();
    const size_t reads = tree.stored.reads;
    for (int i = 0; i < 100; ++i) again();
    EXPECT_EQ(tree.stored.reads, reads);
}

TEST(NodeCache, GivesNoNodeOfAnotherVersion) {
    Random random(4);
    CachedTree tree(size_t{64} << 20);
    tree.run_block(random, 50);
    tree.run_block(random, 50);
    const CachedReader reader(tree.cache, tree.stored);
    EXPECT_TRUE(reader.read_node({0, {}}).ok());  // the first root, from the store
    EXPECT_EQ(tree.stored.reads, 1U);
    EXPECT_TRUE(reader.read_node({1, {}}).ok());
    EXPECT_EQ(tree.stored.reads, 1U);
}

TEST(NodeCache, IsEmptyAfterClear) {
    Random random(5);
    CachedTree tree(size_t{64} << 20);
    tree.run_block(random, 50);
    EXPECT_GT(tree.cache.memory_bytes(), 0U);
    tree.cache.clear();
    EXPECT_EQ(tree.cache.memory_bytes(), 0U);
    tree.run_block(random, 50);
    EXPECT_GT(tree.stored.reads, 0U);
}

}  // namespace
}  // namespace assay::ledger
