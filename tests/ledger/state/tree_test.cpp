#include "ledger/state/tree.h"

#include "tests/ledger/state/support.h"

namespace assay::ledger {
namespace {

using test::encode_node;
using test::MemoryNodes;
using test::Random;
using test::sorted_leaves;
using Model = std::map<Hash256, Hash256>;
using Batch = std::map<Hash256, std::optional<Hash256>>;

// Keys from a small set whose first `shared_bits / 4` nibbles often agree, so that subtrees split
// and collapse at every depth.
Hash256 small_key(Random& random) {
    Hash256 key;
    const uint64_t shape = random.below(4);
    if (shape == 0) key.bytes[0] = static_cast<uint8_t>(random.below(4) << 6);
    if (shape == 1) key.bytes[0] = static_cast<uint8_t>(random.below(256));
    if (shape == 2) key.bytes[31] = static_cast<uint8_t>(random.below(16));
    if (shape == 3) key.bytes[random.below(32)] = static_cast<uint8_t>(1U << random.below(8));
    return key;
}

std::vector<LeafChange> changes_of(const Batch& batch) {
    std::vector<LeafChange> changes;
    for (const auto& [key, value] : batch) changes.push_back({key, value});
    return changes;
}

void apply_to_model(const Batch& batch, Model& model) {
    for (const auto& [key, value] : batch) {
        if (value)
            model.insert_or_assign(key, *value);
        else
            model.erase(key);
    }
}

// A tree that lives through many versions and forgets stale nodes at once.
struct LiveTree {
    MemoryNodes nodes;
    std::optional<uint64_t> version;
    uint64_t next = 0;
    Hash256 root = kEmptySubtree;

    TreeUpdate apply(const Batch& batch) {
        const auto changes = changes_of(batch);
        auto update = update_tree(nodes, version, changes, next++);
        EXPECT_TRUE(update.ok());
        nodes.apply(*update);
        EXPECT_TRUE(nodes.erase(update->stale));
        version = update->root_version;
        root = update->root;
        return *update;
    }
};

TEST(Tree, EmptyTreeHasTheFixedEmptyRoot) {
    LiveTree tree;
    EXPECT_EQ(tree.apply({}).root, kEmptySubtree);
    EXPECT_EQ(tree_root_of({}), kEmptySubtree);
    EXPECT_EQ(tree.nodes.size(), 1U);
}

TEST(Tree, SingleLeafIsItsOwnRoot) {
    Random random(1);
    const auto key = *hash_from(random.bytes(32));
    const auto value = *hash_from(random.bytes(32));
    LiveTree tree;
    EXPECT_EQ(tree.apply({{key, value}}).root, state_leaf_hash(key, value));
}

TEST(Tree, RootEqualsTheDefinitionOver3000RandomBatches) {
    Random random(2);
    LiveTree tree;
    Model model;
    for (int round = 0; round < 3000; ++round) {
        Batch batch;
        const uint64_t count = random.below(6);
        // Long phases of growth and of deletion, so that the tree empties and fills again.
        const uint64_t delete_percent = round / 300 % 2 == 0 ? 30 : 70;
        for (uint64_t i = 0; i < count; ++i) {
            std::optional<Hash256> value = *hash_from(random.bytes(32));
            if (random.below(100) < delete_percent) value.reset();
            batch.insert_or_assign(small_key(random), value);
        }
        apply_to_model(batch, model);
        tree.apply(batch);
        ASSERT_EQ(tree.root, tree_root_of(sorted_leaves(model))) << "round " << round;
    }
    Batch all;
    for (const auto& [key, value] : model) all.emplace(key, std::nullopt);
    EXPECT_EQ(tree.apply(all).root, kEmptySubtree);
    EXPECT_EQ(tree.nodes.size(), 1U);  // stale nodes were named completely
}

TEST(Tree, RootEqualsTheDefinitionForUniformKeys) {
    Random random(3);
    LiveTree tree;
    Model model;
    std::vector<Hash256> keys;
    for (int round = 0; round < 40; ++round) {
        Batch batch;
        for (int i = 0; i < 60; ++i) {
            const bool known = !keys.empty() && random.below(2) == 0;
            const auto key = known ? keys[random.below(keys.size())] : *hash_from(random.bytes(32));
            keys.push_back(key);
            std::optional<Hash256> value = *hash_from(random.bytes(32));
            if (known && random.below(2) == 0) value.reset();
            batch.insert_or_assign(key, value);
        }
        apply_to_model(batch, model);
        tree.apply(batch);
        ASSERT_EQ(tree.root, tree_root_of(sorted_leaves(model)));
    }
}

TEST(Tree, RootAndNodeCountDoNotDependOnOrderOrHistory) {
    Random random(4);
    Model model;
    for (int i = 0; i < 200; ++i)
        model[*hash_from(random.bytes(32))] = *hash_from(random.bytes(32));
    LiveTree at_once;
    Batch all(model.begin(), model.end());
    at_once.apply(all);
    for (int trial = 0; trial < 20; ++trial) {
        std::vector<std::pair<Hash256, Hash256>> order(model.begin(), model.end());
        for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
        LiveTree tree;
        for (size_t at = 0; at < order.size();) {
            Batch batch;
            const size_t end = std::min(order.size(), at + 1 + random.below(40));
            for (; at < end; ++at) batch.emplace(order[at].first, order[at].second);
            const auto detour = *hash_from(random.bytes(32));  // inserted, then deleted again
            Batch with_detour = batch;
            with_detour.emplace(detour, detour);
            tree.apply(with_detour);
            tree.apply({{detour, std::nullopt}});
        }
        EXPECT_EQ(tree.root, at_once.root);
        EXPECT_EQ(tree.nodes.size(), at_once.nodes.size());
    }
}

TEST(Tree, WritingEqualValuesOrErasingAbsentKeysWritesNothing) {
    Random random(5);
    Batch batch;
    for (int i = 0; i < 50; ++i) batch[*hash_from(random.bytes(32))] = *hash_from(random.bytes(32));
    LiveTree tree;
    const TreeUpdate first = tree.apply(batch);
    batch[*hash_from(random.bytes(32))] = std::nullopt;
    const TreeUpdate second = tree.apply(batch);
    EXPECT_EQ(second.root, first.root);
    EXPECT_EQ(second.root_version, first.root_version);
    EXPECT_TRUE(second.written.empty());
    EXPECT_TRUE(second.stale.empty());
}

TEST(Tree, OldVersionsStayReadableUntilTheirNodesAreErased) {
    Random random(6);
    MemoryNodes nodes;
    Model model;
    std::optional<uint64_t> base;
    std::map<uint64_t, Hash256> roots;
    for (uint64_t version = 0; version < 30; ++version) {
        Batch batch;
        for (int i = 0; i < 5; ++i) batch[small_key(random)] = *hash_from(random.bytes(32));
        apply_to_model(batch, model);
        auto update = update_tree(nodes, base, changes_of(batch), version);
        ASSERT_TRUE(update.ok());
        nodes.apply(*update);
        base = update->root_version;
        roots[*base] = update->root;
    }
    for (const auto& [version, root] : roots) {
        const auto reread = update_tree(nodes, version, {}, 100);
        ASSERT_TRUE(reread.ok());
        EXPECT_EQ(reread->root, root);
    }
}

TEST(Tree, RefusesUnsortedAndRepeatedChanges) {
    const LeafChange low{Hash256{}, Hash256{}};
    LeafChange high = low;
    high.key_hash.bytes[0] = 1;
    const MemoryNodes nodes;
    for (const auto& changes : {std::vector{high, low}, std::vector{low, low}}) {
        const auto update = update_tree(nodes, std::nullopt, changes, 0);
        ASSERT_FALSE(update.ok());
        EXPECT_EQ(update.error().code, Code::kInternal);
    }
}

TEST(Tree, ReportsAMissingNode) {
    const MemoryNodes nodes;
    const auto update = update_tree(nodes, 7, {}, 8);
    ASSERT_FALSE(update.ok());
    EXPECT_EQ(update.error().code, Code::kCorrupt);
}

TEST(NodeEncoding, RefusesEveryOtherLengthAndOverlappingSlots) {
    Random random(7);
    Node node;
    node.set_slot(3, Slot::leaf(*hash_from(random.bytes(32)), *hash_from(random.bytes(32))));
    node.set_slot(9, Slot::inner(5, *hash_from(random.bytes(32))));
    node.rehash(Node::kAllSlots);
    const Bytes encoded = encode_node(node);
    const auto decoded = decode_node(encoded);
    ASSERT_TRUE(decoded.ok());
    EXPECT_EQ(encode_node(*decoded), encoded);
    EXPECT_EQ(decoded->hash_at(1), node.hash_at(1));
    for (size_t size = 0; size < encoded.size(); ++size)
        EXPECT_FALSE(decode_node(ByteView(encoded).first(size)).ok());
    for (size_t bit = 0; bit < 40; ++bit) {  // the header: format and slot masks
        Bytes flipped = encoded;
        flipped[bit / 8] ^= static_cast<uint8_t>(1U << bit % 8);
        EXPECT_FALSE(decode_node(flipped).ok()) << bit;
    }
}

TEST(NodeEncoding, KeysSortByVersionThenPath) {
    NibblePath path;
    const NodeKey root{1, path};
    const NodeKey child{1, path.child(2)};
    const NodeKey grandchild{1, path.child(2).child(15)};
    const NodeKey later{2, path};
    EXPECT_LT(encode_node_key(root), encode_node_key(child));
    EXPECT_LT(encode_node_key(child), encode_node_key(grandchild));
    EXPECT_LT(encode_node_key(grandchild), encode_node_key(later));
    for (const NodeKey& key : {root, child, grandchild, later}) {
        const auto decoded = decode_node_key(encode_node_key(key));
        ASSERT_TRUE(decoded.ok());
        EXPECT_EQ(*decoded, key);
    }
    Bytes bits_beyond = encode_node_key(child);
    bits_beyond.back() |= 1;
    EXPECT_FALSE(decode_node_key(bits_beyond).ok());
}

}  // namespace
}  // namespace assay::ledger
