#include "ledger/state/event_log.h"

#include "ledger/state/merkle_hash.h"
#include "ledger/state/verify.h"
#include "tests/ledger/state/support.h"

namespace assay::ledger {
namespace {

using test::MemoryLog;
using test::Random;

// MTH of RFC 6962 section 2.1, from its text.
Hash256 merkle_tree_hash(const std::vector<Bytes>& leaves, size_t begin, size_t end) {
    if (begin == end) return plain_hash({});
    if (end - begin == 1) return log_leaf_hash(leaves[begin]);
    size_t split = 1;
    while (split * 2 < end - begin) split *= 2;
    return inner_hash(merkle_tree_hash(leaves, begin, begin + split),
                      merkle_tree_hash(leaves, begin + split, end));
}

struct Fixture {
    MemoryLog log;
    std::vector<Bytes> leaves;
    std::vector<Hash256> roots;  // by size

    explicit Fixture(const std::vector<Bytes>& events) : leaves(events) {
        LogEdge edge;
        roots.push_back(edge.root());
        for (const Bytes& event : events) {
            LogEdge::Written written;
            edge.append(log_leaf_hash(event), written);
            log.apply(written);
            roots.push_back(edge.root());
        }
    }
};

std::vector<Bytes> random_events(uint64_t seed, size_t count) {
    Random random(seed);
    std::vector<Bytes> events;
    for (size_t i = 0; i < count; ++i) events.push_back(random.bytes(random.below(40)));
    return events;
}

Bytes flipped(Bytes bytes, size_t bit) {
    bytes[bit / 8] ^= static_cast<uint8_t>(1U << bit % 8);
    return bytes;
}

// The reference leaves and roots published with the certificate-transparency code base.
TEST(EventLog, HasThePublishedRootsOfTheReferenceLeaves) {
    const std::vector<std::string> leaves = {"",
                                             "00",
                                             "10",
                                             "2021",
                                             "3031",
                                             "40414243",
                                             "5051525354555657",
                                             "606162636465666768696a6b6c6d6e6f"};
    const std::vector<std::string> roots = {
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
    std::vector<Bytes> events;
    for (const std::string& leaf : leaves) events.push_back(*from_hex(leaf));
    const Fixture fixture(events);
    ASSERT_EQ(fixture.roots.size(), roots.size());
    for (size_t size = 0; size < roots.size(); ++size)
        EXPECT_EQ(to_hex(fixture.roots[size]), roots[size]) << size;
}

TEST(EventLog, RootsFollowTheDefinitionAndTheEdgeReloads) {
    const Fixture fixture(random_events(1, 130));
    for (size_t size = 0; size < fixture.roots.size(); ++size) {
        EXPECT_EQ(fixture.roots[size], merkle_tree_hash(fixture.leaves, 0, size));
        const auto edge = LogEdge::load(fixture.log, size);
        ASSERT_TRUE(edge.ok());
        EXPECT_EQ(edge->size(), size);
        EXPECT_EQ(edge->root(), fixture.roots[size]);
    }
    EXPECT_LT(fixture.log.size(), 2 * fixture.leaves.size());
}

TEST(EventLog, InclusionHoldsForEveryIndexOfEverySizeTo64) {
    const Fixture fixture(random_events(2, 64));
    for (uint64_t size = 1; size <= 64; ++size) {
        for (uint64_t index = 0; index < size; ++index) {
            const auto proof = prove_log_inclusion(fixture.log, index, size);
            ASSERT_TRUE(proof.ok());
            const auto holds = [&](uint64_t of_size, uint64_t at, size_t leaf) {
                return verify_log_inclusion(fixture.roots[of_size], of_size, at,
                                            fixture.leaves[leaf], *proof)
                    .ok();
            };
            EXPECT_TRUE(holds(size, index, index));
            EXPECT_FALSE(holds(size, (index + 1) % 64, index));
            EXPECT_FALSE(holds(size % 64 + 1, index, index));
            EXPECT_FALSE(holds(size, index, (index + 1) % 64));
        }
    }
}

TEST(EventLog, ConsistencyHoldsForAllPairsOfSizesTo64) {
    const Fixture fixture(random_events(3, 64));
    for (uint64_t new_size = 0; new_size <= 64; ++new_size) {
        for (uint64_t old_size = 0; old_size <= new_size; ++old_size) {
            const auto proof = prove_log_consistency(fixture.log, old_size, new_size);
            ASSERT_TRUE(proof.ok());
            const auto& roots = fixture.roots;
            EXPECT_TRUE(
                verify_log_consistency(old_size, roots[old_size], new_size, roots[new_size], *proof)
                    .ok());
            EXPECT_FALSE(verify_log_consistency(old_size, roots[(old_size + 1) % 65], new_size,
                                                roots[new_size], *proof)
                             .ok());
            if (old_size == 0) continue;  // the empty log is a prefix of any log
            EXPECT_FALSE(verify_log_consistency(old_size, roots[old_size], new_size,
                                                roots[(new_size + 1) % 65], *proof)
                             .ok());
        }
    }
}

TEST(EventLog, AnyFlippedBitOfAProofFails) {
    const Fixture fixture(random_events(4, 37));
    for (const uint64_t size : {1U, 2U, 7U, 8U, 33U, 37U}) {
        for (uint64_t index = 0; index < size; ++index) {
            const Bytes proof = *prove_log_inclusion(fixture.log, index, size);
            for (size_t bit = 0; bit < proof.size() * 8; ++bit)
                EXPECT_FALSE(verify_log_inclusion(fixture.roots[size], size, index,
                                                  fixture.leaves[index], flipped(proof, bit))
                                 .ok());
        }
        for (uint64_t old_size = 0; old_size <= size; ++old_size) {
            const Bytes proof = *prove_log_consistency(fixture.log, old_size, size);
            for (size_t bit = 0; bit < proof.size() * 8; ++bit)
                EXPECT_FALSE(verify_log_consistency(old_size, fixture.roots[old_size], size,
                                                    fixture.roots[size], flipped(proof, bit))
                                 .ok());
        }
    }
}

TEST(EventLog, RefusesIndexesAndSizesThatDoNotExist) {
    const Fixture fixture(random_events(5, 4));
    EXPECT_EQ(prove_log_inclusion(fixture.log, 4, 4).error().code, Code::kInvalidArgument);
    EXPECT_EQ(prove_log_inclusion(fixture.log, 0, 0).error().code, Code::kInvalidArgument);
    EXPECT_EQ(prove_log_consistency(fixture.log, 3, 2).error().code, Code::kInvalidArgument);
    EXPECT_EQ(prove_log_inclusion(fixture.log, 0, 8).error().code, Code::kNotFound);
}

}  // namespace
}  // namespace assay::ledger
