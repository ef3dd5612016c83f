// One stored node of the state tree: sixteen slots, that is four levels of the binary tree, under a
// nibble path; and the key it is stored under.
//
// A slot is empty, a leaf (a subtree with one leaf is collapsed into it, at whatever depth it is
// alone), or the root of a child node with at least two leaves. In RAM a node is its stored bytes;
// the hashes of the binary levels inside it are not stored but kept once a change needed them.
//
// Ownership and threads: plain values. Errors: decode_node returns kCorrupt for bytes that no node
// is encoded as. Format: docs/formats/state.md.
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "ledger/state/merkle_hash.h"

namespace assay::ledger {

// The first `length` nibbles of a key hash; the rest of `packed` is zero.
struct NibblePath {
    static constexpr size_t kMaxNibbles = 64;
    uint8_t length = 0;
    std::array<uint8_t, 32> packed{};

    [[nodiscard]] NibblePath child(uint8_t nibble) const;
    [[nodiscard]] uint8_t nibble(size_t depth) const {
        return depth % 2 == 0 ? packed[depth / 2] >> 4 : packed[depth / 2] & 15;
    }
    [[nodiscard]] bool is_prefix_of(const Hash256& key_hash) const;
    auto operator<=>(const NibblePath&) const = default;
};

struct NodeKey {
    uint64_t version = 0;
    NibblePath path;
    auto operator<=>(const NodeKey&) const = default;
};
// be64 version, u8 length, packed nibbles: one block's nodes are neighbours in the store.
[[nodiscard]] Bytes encode_node_key(const NodeKey& key);
[[nodiscard]] Result<NodeKey> decode_node_key(ByteView bytes);

struct Slot {
    enum class Kind : uint8_t { kEmpty, kLeaf, kInner };
    Kind kind = Kind::kEmpty;
    uint64_t version = 0;  // inner: of the child node
    Hash256 hash;          // inner: of the child node
    Hash256 key_hash;      // leaf only
    Hash256 value_hash;    // leaf only
    bool operator==(const Slot&) const = default;

    static Slot leaf(const Hash256& key_hash, const Hash256& value_hash);
    static Slot inner(uint64_t version, const Hash256& hash);
    // Of the subtree that the slot stands for; for a leaf it is computed.
    [[nodiscard]] Hash256 subtree_hash() const;
};

class Node {
public:
    static constexpr size_t kSlots = 16;
    static constexpr uint16_t kAllSlots = 0xffff;

    [[nodiscard]] Slot slot(size_t index) const;
    // After the last set_slot, rehash() must be called with a bit for every slot that changed.
    void set_slot(size_t index, const Slot& slot);
    void rehash(uint16_t changed);

    // Positions of the binary levels: 1 is the node's root, 2p and 2p + 1 are the children of p,
    // and 16 + i is slot i.
    [[nodiscard]] Hash256 hash_at(size_t position) const;
    // The only leaf under `position`, or nullopt if there is none or more than one.
    [[nodiscard]] std::optional<Slot> lone_leaf(size_t position) const;
    [[nodiscard]] bool has_child(size_t index) const { return (inners_ >> index & 1) != 0; }
    [[nodiscard]] bool empty_at(size_t position) const { return occupied_at(position) == 0; }
    [[nodiscard]] size_t memory_bytes() const;

    // What is stored: the header, then the slots.
    static constexpr size_t kHeaderBytes = 5;
    [[nodiscard]] std::array<uint8_t, kHeaderBytes> encoded_header() const;
    [[nodiscard]] ByteView encoded_slots() const { return ByteView(data_).first(packed_bytes()); }

private:
    friend Result<Node> decode_node(ByteView bytes);
    // Nodes with at most this many slots keep no inner hashes: they are quickly recomputed. Most
    // nodes of a large tree have two or three leaves.
    static constexpr int kMaxUncached = 3;

    [[nodiscard]] uint16_t occupied() const { return leaves_ | inners_; }
    [[nodiscard]] size_t packed_bytes() const;
    [[nodiscard]] bool keeps_hashes() const { return data_.size() > packed_bytes(); }
    [[nodiscard]] uint8_t* hash_place(size_t position);
    [[nodiscard]] uint16_t occupied_at(size_t position) const;
    [[nodiscard]] bool is_lone_leaf(size_t position) const;
    [[nodiscard]] size_t offset_of(size_t index) const;
    [[nodiscard]] Hash256 combined_at(size_t position) const;

    uint16_t leaves_ = 0;  // bit i: slot i is a leaf
    uint16_t inners_ = 0;  // bit i: slot i is a child node
    // The occupied slots, in order, as they are stored; then no hashes, or those of the positions 1
    // to 15, valid wherever the node is not empty.
    Bytes data_;
};

[[nodiscard]] Result<Node> decode_node(ByteView bytes);

}  // namespace assay::ledger
