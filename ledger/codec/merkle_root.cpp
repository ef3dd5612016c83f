#include "ledger/codec/merkle_root.h"

#include "ledger/crypto/hash.h"

namespace assay::ledger {
namespace {

Hash256 leaf_hash(ByteView leaf) {
    Bytes input;
    input.reserve(leaf.size() + 1);
    input.push_back(0x00);
    append(input, leaf);
    return sha256(input);
}

Hash256 node_hash(const Hash256& left, const Hash256& right) {
    Bytes input;
    input.reserve(65);
    input.push_back(0x01);
    append(input, left.view());
    append(input, right.view());
    return sha256(input);
}

}  // namespace

Hash256 merkle_root(const std::vector<ByteView>& leaves) {
    if (leaves.empty()) return sha256({});
    std::vector<Hash256> level;
    level.reserve(leaves.size());
    for (const ByteView leaf : leaves) level.push_back(leaf_hash(leaf));
    // Pairing neighbours level by level and carrying an odd last node up gives the RFC's tree,
    // whose left subtree is the largest power of two below the size.
    while (level.size() > 1) {
        const size_t pairs = level.size() / 2;
        for (size_t i = 0; i < pairs; ++i) level[i] = node_hash(level[2 * i], level[2 * i + 1]);
        if (level.size() % 2 != 0) level[pairs] = level.back();
        level.resize((level.size() + 1) / 2);
    }
    return level[0];
}

}  // namespace assay::ledger
