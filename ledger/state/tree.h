// The state tree: a Jellyfish Merkle tree over SHA-256-hashed keys. Its root is a function of the
// set of (key, value) pairs alone, not of the order or history of writes.
//
// Versions are block heights. A block writes new nodes under its own version and names the nodes it
// replaced (stale), so any version can be read until its nodes are pruned.
//
// Ownership: pure functions over a NodeReader, which must outlive the call. Threads: safe if the
// reader is, which a large update calls from two threads. Errors: those of the reader (kCorrupt,
// kIo). Source: the Jellyfish Merkle tree paper (Diem, 2021); here leaves live in their parent's
// slot. Format: docs/formats/state.md.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "ledger/state/node.h"

namespace assay::ledger {

class NodeReader {
public:
    virtual ~NodeReader() = default;
    [[nodiscard]] virtual Result<std::shared_ptr<const Node>> read_node(
        const NodeKey& key) const = 0;
};

struct LeafChange {
    Hash256 key_hash;
    std::optional<Hash256> value_hash;  // nullopt: erased
};

using WrittenNodes = std::vector<std::pair<NodeKey, std::shared_ptr<const Node>>>;

struct TreeUpdate {
    Hash256 root;
    uint64_t root_version = 0;  // == the base version if nothing changed
    WrittenNodes written;       // by ascending key
    std::vector<NodeKey> stale;
};

// Applies `changes` (ascending key_hash, no duplicates) to the tree whose root node has version
// `base` (nullopt: the tree before the first block, which has no node at all) as block `version`.
[[nodiscard]] Result<TreeUpdate> update_tree(const NodeReader& reader, std::optional<uint64_t> base,
                                             std::span<const LeafChange> changes, uint64_t version);

// A tree built in parts, all of block `version`: first the subtree of all leaves that begin with
// `path` (ascending key_hash; at least one nibble), then the nodes above, from subtrees by path,
// none of which is a prefix of another's; where there is none the tree is empty.
struct Subtree {
    NibblePath path;
    Slot slot;
};
[[nodiscard]] Slot build_subtree(const NibblePath& path, std::span<const LeafChange> leaves,
                                 uint64_t version, WrittenNodes& written);
[[nodiscard]] TreeUpdate join_subtrees(std::span<const Subtree> subtrees, uint64_t version);

// The root of a whole set of leaves, from the definition of the tree and without nodes: the check
// on everything above. Ascending key_hash, no duplicates, every value_hash present.
[[nodiscard]] Hash256 tree_root_of(std::span<const LeafChange> leaves);

}  // namespace assay::ledger
