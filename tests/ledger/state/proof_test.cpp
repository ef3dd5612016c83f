#include "ledger/state/proof.h"

#include "tests/ledger/state/support.h"

namespace assay::ledger {
namespace {

using test::MemoryNodes;
using test::Random;
using Pairs = std::map<Bytes, Bytes>;

struct Fixture {
    MemoryNodes nodes;
    uint64_t version = 0;
    Hash256 root;

    explicit Fixture(const Pairs& pairs) {
        std::map<Hash256, Hash256> hashed;
        for (const auto& [key, value] : pairs) hashed[plain_hash(key)] = plain_hash(value);
        auto update = update_tree(nodes, std::nullopt, test::sorted_leaves(hashed), 0);
        EXPECT_TRUE(update.ok());
        nodes.apply(*update);
        version = update->root_version;
        root = update->root;
    }
    Bytes prove(const Bytes& key) const {
        const auto proof = prove_key(nodes, version, plain_hash(key));
        EXPECT_TRUE(proof.ok());
        return encode_tree_proof(*proof);
    }
};

Pairs random_pairs(Random& random, size_t count) {
    Pairs pairs;
    while (pairs.size() < count) pairs[random.bytes(1 + random.below(30))] = random.bytes(20);
    return pairs;
}

Code check(const Hash256& root, const Bytes& key, const std::optional<Bytes>& value,
           const Bytes& proof) {
    const std::optional<ByteView> view = value ? std::optional<ByteView>(*value) : std::nullopt;
    const Status status = verify_state_proof(root, key, view, proof);
    return status.ok() ? Code::kOk : status.error().code;
}

Bytes flipped(Bytes bytes, size_t bit) {
    bytes[bit / 8] ^= static_cast<uint8_t>(1U << bit % 8);
    return bytes;
}

TEST(StateProof, HoldsForEveryPresentAndAbsentKeyAtEverySize) {
    Random random(1);
    for (const size_t size : {0U, 1U, 2U, 3U, 5U, 17U, 100U, 1000U}) {
        const Pairs pairs = random_pairs(random, size);
        const Fixture tree(pairs);
        for (const auto& [key, value] : pairs) {
            const Bytes proof = tree.prove(key);
            EXPECT_EQ(check(tree.root, key, value, proof), Code::kOk);
            EXPECT_EQ(check(tree.root, key, std::nullopt, proof), Code::kCorrupt);
            EXPECT_EQ(check(tree.root, key, Bytes{1}, proof), Code::kCorrupt);
        }
        for (int i = 0; i < 100; ++i) {
            const Bytes key = random.bytes(31);
            const Bytes proof = tree.prove(key);
            EXPECT_EQ(check(tree.root, key, std::nullopt, proof), Code::kOk);
            EXPECT_EQ(check(tree.root, key, Bytes{1}, proof), Code::kCorrupt);
        }
    }
}

TEST(StateProof, AnyFlippedBitFails) {
    Random random(2);
    const Pairs pairs = random_pairs(random, 40);
    const Fixture tree(pairs);
    std::vector<std::pair<Bytes, std::optional<Bytes>>> claims;
    for (const auto& [key, value] : pairs) claims.emplace_back(key, value);
    for (int i = 0; i < 40; ++i) claims.emplace_back(random.bytes(31), std::nullopt);
    size_t flips = 0;
    for (const auto& [key, value] : claims) {
        const Bytes proof = tree.prove(key);
        ASSERT_EQ(check(tree.root, key, value, proof), Code::kOk);
        for (size_t bit = 0; bit < proof.size() * 8; ++bit, ++flips)
            EXPECT_EQ(check(tree.root, key, value, flipped(proof, bit)), Code::kCorrupt);
        for (size_t bit = 0; value && bit < value->size() * 8; ++bit, ++flips)
            EXPECT_EQ(check(tree.root, key, flipped(*value, bit), proof), Code::kCorrupt);
        for (size_t bit = 0; value && bit < key.size() * 8; ++bit, ++flips)
            EXPECT_EQ(check(tree.root, flipped(key, bit), value, proof), Code::kCorrupt);
        for (size_t bit = 0; bit < 256; ++bit, ++flips) {
            Hash256 root = tree.root;
            root.bytes[bit / 8] ^= static_cast<uint8_t>(1U << bit % 8);
            EXPECT_EQ(check(root, key, value, proof), Code::kCorrupt);
        }
    }
    EXPECT_GT(flips, 100'000U);
}

TEST(StateProof, EveryOtherLengthFails) {
    Random random(3);
    const Pairs pairs = random_pairs(random, 30);
    const Fixture tree(pairs);
    for (const auto& [key, value] : pairs) {
        Bytes proof = tree.prove(key);
        for (size_t size = 0; size < proof.size(); ++size)
            EXPECT_EQ(
                check(tree.root, key, value,
                      Bytes(proof.begin(), proof.begin() + static_cast<std::ptrdiff_t>(size))),
                Code::kCorrupt);
        proof.push_back(0);
        EXPECT_EQ(check(tree.root, key, value, proof), Code::kCorrupt);
    }
}

TEST(StateProof, RefusesMoreSiblingsThanTheTreeIsDeep) {
    Bytes proof{kStateProofFormat, 0, 1, 1};  // 257 siblings, all empty
    proof.resize(4 + 33);
    const Status status = verify_state_proof({}, {}, std::nullopt, proof);
    ASSERT_FALSE(status.ok());
    EXPECT_NE(status.error().message.find("256"), std::string::npos);
}

TEST(StateProof, RefusesAnotherLeafOffTheKeysPath) {
    Random random(4);
    const Pairs pairs = random_pairs(random, 200);
    const Fixture tree(pairs);
    // A true absence proof of one key does not prove that a key elsewhere in the tree is absent.
    const Bytes absent = random.bytes(31);
    const Bytes proof = tree.prove(absent);
    for (const auto& [key, value] : pairs)
        EXPECT_EQ(check(tree.root, key, std::nullopt, proof), Code::kCorrupt);
}

TEST(AppProof, BindsEveryPartOfTheAppHash) {
    Random random(5);
    const Pairs pairs = random_pairs(random, 20);
    const Fixture tree(pairs);
    AppHashParts parts{tree.root, *hash_from(random.bytes(32)), 99, *hash_from(random.bytes(32))};
    const auto& [key, value] = *pairs.begin();
    Bytes proof = encode_app_hash_parts(parts);
    append(proof, tree.prove(key));
    const Hash256 app_hash = app_hash_of(parts);
    EXPECT_TRUE(verify_app_state(app_hash, key, value, proof).ok());
    for (size_t bit = 0; bit < proof.size() * 8; ++bit)
        EXPECT_FALSE(verify_app_state(app_hash, key, value, flipped(proof, bit)).ok());
    EXPECT_FALSE(verify_app_state(app_hash, key, value, ByteView(proof).first(103)).ok());
}

}  // namespace
}  // namespace assay::ledger
