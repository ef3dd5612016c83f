#include "ledger/state/node.h"

#include <algorithm>

namespace assay::ledger {

namespace {

constexpr uint8_t kNodeFormat = 1;
constexpr size_t kNodeHeaderBytes = 5;  // format, be16 leaf slots, be16 inner slots

// The slots below a binary position, as a bit mask.
uint16_t slots_below(size_t position) {
    const auto level = static_cast<unsigned>(std::bit_width(position) - 1);
    const auto width = 16U >> level;
    const auto first = (static_cast<unsigned>(position) - (1U << level)) * width;
    return static_cast<uint16_t>(((1U << width) - 1) << first);
}

Error corrupt_node(const char* what) {
    return fail(Code::kCorrupt,
                std::string("tree node: ") + what + "; restore the data directory from a peer");
}

void append_be16(Bytes& out, uint16_t value) {
    out.push_back(static_cast<uint8_t>(value >> 8));
    out.push_back(static_cast<uint8_t>(value));
}

uint16_t read_be16(ByteView bytes) {
    return static_cast<uint16_t>(bytes[0] << 8 | bytes[1]);
}

Hash256 take_hash(ByteView& bytes) {
    Hash256 hash;
    std::memcpy(hash.bytes.data(), bytes.data(), hash.bytes.size());
    bytes = bytes.subspan(hash.bytes.size());
    return hash;
}

}  // namespace

NibblePath NibblePath::child(uint8_t nibble) const {
    NibblePath path = *this;
    path.packed[length / 2] |= static_cast<uint8_t>(length % 2 == 0 ? nibble << 4 : nibble);
    ++path.length;
    return path;
}

Bytes encode_node_key(const NodeKey& key) {
    Bytes out;
    const size_t packed_bytes = (key.path.length + 1U) / 2;
    out.reserve(9 + packed_bytes);
    append_be64(out, key.version);
    out.push_back(key.path.length);
    append(out, ByteView(key.path.packed).first(packed_bytes));
    return out;
}

Result<NodeKey> decode_node_key(ByteView bytes) {
    if (bytes.size() < 9) return corrupt_node("key too short");
    NodeKey key;
    key.version = read_be64(bytes);
    key.path.length = bytes[8];
    const size_t packed_bytes = (key.path.length + 1U) / 2;
    if (key.path.length > NibblePath::kMaxNibbles || bytes.size() != 9 + packed_bytes)
        return corrupt_node("key length does not match its path");
    std::copy(bytes.begin() + 9, bytes.end(), key.path.packed.begin());
    if (key.path.length % 2 != 0 && (key.path.packed[packed_bytes - 1] & 15) != 0)
        return corrupt_node("key has bits beyond its path");
    return key;
}

Slot Slot::leaf(const Hash256& key_hash, const Hash256& value_hash) {
    return {Kind::kLeaf, 0, state_leaf_hash(key_hash, value_hash), key_hash, value_hash};
}

Slot Slot::inner(uint64_t version, const Hash256& hash) {
    return {Kind::kInner, version, hash, {}, {}};
}

size_t Node::packed_index(size_t index) const {
    const auto below = static_cast<uint16_t>(occupied_ & ((1U << index) - 1));
    return static_cast<size_t>(std::popcount(below));
}

const Slot& Node::slot(size_t index) const {
    static const Slot kEmptySlot;
    return (occupied_ >> index & 1) != 0 ? slots_[packed_index(index)] : kEmptySlot;
}

void Node::set_slot(size_t index, const Slot& slot) {
    const auto bit = static_cast<uint16_t>(1U << index);
    const auto at = slots_.begin() + static_cast<std::ptrdiff_t>(packed_index(index));
    const bool was_occupied = (occupied_ & bit) != 0;
    if (slot.kind == Slot::Kind::kEmpty) {
        if (was_occupied) slots_.erase(at);
        occupied_ = static_cast<uint16_t>(occupied_ & ~bit);
    } else if (was_occupied) {
        *at = slot;
    } else {
        slots_.insert(at, slot);
        occupied_ |= bit;
    }
}

size_t Node::memory_bytes() const {
    return sizeof(Node) + slots_.capacity() * sizeof(Slot) + inner_.capacity() * sizeof(Hash256);
}

uint16_t Node::occupied_at(size_t position) const {
    return occupied_ & slots_below(position);
}

const Slot* Node::lone_leaf(size_t position) const {
    const uint16_t bits = occupied_at(position);
    if (std::popcount(bits) != 1) return nullptr;
    const Slot& only = slot(static_cast<size_t>(std::countr_zero(bits)));
    return only.kind == Slot::Kind::kLeaf ? &only : nullptr;
}

Hash256 Node::hash_at(size_t position) const {
    if (position >= kSlots) return slot(position - kSlots).hash;
    if (empty_at(position)) return kEmptySubtree;
    if (const Slot* leaf = lone_leaf(position)) return leaf->hash;
    if (!inner_.empty()) return inner_[position];
    return inner_hash(hash_at(2 * position), hash_at(2 * position + 1));
}

void Node::rehash(uint16_t changed) {
    if (std::popcount(occupied_) <= kMaxUncached) {
        inner_.clear();
        return;
    }
    if (inner_.empty()) {
        inner_.resize(kSlots);
        changed = kAllSlots;
    }
    for (size_t position = kSlots - 1; position >= 1; --position) {
        if ((slots_below(position) & changed) == 0) continue;
        if (empty_at(position) || lone_leaf(position) != nullptr) continue;
        inner_[position] = inner_hash(hash_at(2 * position), hash_at(2 * position + 1));
    }
}

Bytes encode_node(const Node& node) {
    uint16_t leaves = 0;
    uint16_t inners = 0;
    for (size_t i = 0; i < Node::kSlots; ++i) {
        const auto bit = static_cast<uint16_t>(1U << i);
        if (node.slot(i).kind == Slot::Kind::kLeaf) leaves |= bit;
        if (node.slot(i).kind == Slot::Kind::kInner) inners |= bit;
    }
    Bytes out;
    out.reserve(kNodeHeaderBytes + static_cast<size_t>(std::popcount(leaves)) * 64 +
                static_cast<size_t>(std::popcount(inners)) * 40);
    out.push_back(kNodeFormat);
    append_be16(out, leaves);
    append_be16(out, inners);
    for (size_t i = 0; i < Node::kSlots; ++i) {
        const Slot& slot = node.slot(i);
        if (slot.kind == Slot::Kind::kLeaf) {
            append(out, slot.key_hash.view());
            append(out, slot.value_hash.view());
        } else if (slot.kind == Slot::Kind::kInner) {
            append_be64(out, slot.version);
            append(out, slot.hash.view());
        }
    }
    return out;
}

Result<Node> decode_node(ByteView bytes) {
    if (bytes.size() < kNodeHeaderBytes || bytes[0] != kNodeFormat)
        return corrupt_node("unknown format");
    const uint16_t leaves = read_be16(bytes.subspan(1));
    const uint16_t inners = read_be16(bytes.subspan(3));
    const size_t expected = kNodeHeaderBytes + static_cast<size_t>(std::popcount(leaves)) * 64 +
                            static_cast<size_t>(std::popcount(inners)) * 40;
    if ((leaves & inners) != 0 || bytes.size() != expected)
        return corrupt_node("length does not match its slots");
    ByteView rest = bytes.subspan(kNodeHeaderBytes);
    Node node;
    for (size_t i = 0; i < Node::kSlots; ++i) {
        if ((leaves >> i & 1) != 0) {
            const Hash256 key_hash = take_hash(rest);
            const Hash256 value_hash = take_hash(rest);
            node.set_slot(i, Slot::leaf(key_hash, value_hash));
        } else if ((inners >> i & 1) != 0) {
            const uint64_t version = read_be64(rest);
            rest = rest.subspan(8);
            node.set_slot(i, Slot::inner(version, take_hash(rest)));
        }
    }
    node.rehash(Node::kAllSlots);
    return node;
}

}  // namespace assay::ledger
