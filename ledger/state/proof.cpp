#include "ledger/state/proof.h"

#include <algorithm>

namespace assay::ledger {

Result<TreeProof> prove_key(const NodeReader& reader, uint64_t root_version,
                            const Hash256& key_hash) {
    TreeProof proof;
    NodeKey next{root_version, {}};
    while (true) {
        ASSAY_ASSIGN(const auto node, reader.read_node(next));
        size_t position = 1;
        size_t depth = next.path.length * size_t{4};
        while (position < Node::kSlots && !node->empty_at(position) && !node->lone_leaf(position)) {
            const auto bit = static_cast<size_t>(key_bit(key_hash, depth++));
            proof.siblings.push_back(node->hash_at(2 * position + (1 - bit)));
            position = 2 * position + bit;
        }
        if (position >= Node::kSlots) {
            const Slot slot = node->slot(position - Node::kSlots);
            if (slot.kind == Slot::Kind::kInner) {
                const uint8_t nibble = key_nibble(key_hash, next.path.length);
                next = {slot.version, next.path.child(nibble)};
                continue;
            }
            if (slot.kind == Slot::Kind::kLeaf) proof.leaf = slot;
        } else if (const auto leaf = node->lone_leaf(position)) {
            proof.leaf = *leaf;
        }
        break;
    }
    if (proof.leaf)
        proof.end = proof.leaf->key_hash == key_hash ? ProofEnd::kSameKey : ProofEnd::kOtherLeaf;
    std::reverse(proof.siblings.begin(), proof.siblings.end());
    return proof;
}

Bytes encode_tree_proof(const TreeProof& proof) {
    Bytes out{kStateProofFormat, static_cast<uint8_t>(proof.end)};
    if (proof.end == ProofEnd::kOtherLeaf) {
        append(out, proof.leaf->key_hash.view());
        append(out, proof.leaf->value_hash.view());
    }
    const size_t count = proof.siblings.size();
    out.push_back(static_cast<uint8_t>(count >> 8));
    out.push_back(static_cast<uint8_t>(count));
    const size_t bits_at = out.size();
    out.resize(bits_at + (count + 7) / 8);
    for (size_t i = 0; i < count; ++i) {
        if (proof.siblings[i] == kEmptySubtree) continue;
        out[bits_at + i / 8] |= static_cast<uint8_t>(0x80U >> i % 8);
        append(out, proof.siblings[i].view());
    }
    return out;
}

}  // namespace assay::ledger
