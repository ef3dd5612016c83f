// The known answers of docs/formats/state.md, derived independently by reference.py.
#include <fstream>
#include <nlohmann/json.hpp>

#include "ledger/state/app_hash.h"
#include "ledger/state/proof.h"
#include "tests/ledger/state/support.h"

namespace assay::ledger {
namespace {

nlohmann::json vectors() {
    std::ifstream file(std::string(ASSAY_SOURCE_DIR) + "/tests/vectors/state.json");
    return nlohmann::json::parse(file);
}

Bytes key_of(size_t i) {
    return bytes_of("\x07key-" + std::to_string(i));
}
Bytes value_of(size_t i) {
    return bytes_of("value-" + std::to_string(i * i));
}

TEST(Vectors, StateRootsAndProofs) {
    const auto cases = vectors()["state"];
    ASSERT_EQ(cases.size(), 7U);
    for (const auto& expected : cases) {
        const size_t count = expected["pairs"];
        std::map<Hash256, Hash256> hashed;
        for (size_t i = 0; i < count; ++i) hashed[plain_hash(key_of(i))] = plain_hash(value_of(i));
        test::MemoryNodes nodes;
        const auto update = update_tree(nodes, std::nullopt, test::sorted_leaves(hashed), 0);
        ASSERT_TRUE(update.ok());
        nodes.apply(*update);
        EXPECT_EQ(to_hex(update->root), expected["root"]);
        const auto proof_of = [&](const Bytes& key) {
            return to_hex(encode_tree_proof(*prove_key(nodes, 0, plain_hash(key))));
        };
        EXPECT_EQ(proof_of(bytes_of("\x07"
                                    "absent")),
                  expected["absent"]);
        if (count == 0) continue;
        EXPECT_EQ(proof_of(key_of(count - 1)), expected["present"]);
    }
}

TEST(Vectors, LogRootsAndProofs) {
    const auto cases = vectors()["log"];
    ASSERT_EQ(cases.size(), 7U);
    for (const auto& expected : cases) {
        const size_t count = expected["events"];
        test::MemoryLog log;
        LogEdge edge;
        LogEdge::Written written;
        for (size_t i = 0; i < count; ++i)
            edge.append(log_leaf_hash(bytes_of("event-" + std::to_string(i))), written);
        log.apply(written);
        EXPECT_EQ(to_hex(edge.root()), expected["root"]);
        if (count == 0) continue;
        EXPECT_EQ(to_hex(*prove_log_inclusion(log, expected["index"], count)),
                  expected["inclusion"]);
        EXPECT_EQ(to_hex(*prove_log_consistency(log, expected["old"], count)),
                  expected["consistency"]);
    }
}

TEST(Vectors, AppHash) {
    const auto expected = vectors()["app_hash"];
    const auto hash = [&](const char* name) {
        return *hash_from_hex(expected[name].get<std::string>());
    };
    const AppHashParts parts{hash("state_root"), hash("log_root"),
                             std::stoull(expected["log_size"].get<std::string>()),
                             hash("params_hash")};
    EXPECT_EQ(app_hash_of(parts), hash("app_hash"));
}

}  // namespace
}  // namespace assay::ledger
