#include "ledger/state/node.h"

#include <algorithm>

namespace assay::ledger {

namespace {

constexpr uint8_t kNodeFormat = 1;
constexpr size_t kLeafBytes = 64;   // key hash, value hash
constexpr size_t kInnerBytes = 40;  // be64 version, hash
constexpr size_t kHashBytes = 32;
constexpr size_t kKeptHashBytes = (Node::kSlots - 1) * kHashBytes;

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

uint16_t read_be16(ByteView bytes) {
    return static_cast<uint16_t>(bytes[0] << 8 | bytes[1]);
}

Hash256 read_hash(const uint8_t* from) {
    Hash256 hash;
    std::memcpy(hash.bytes.data(), from, hash.bytes.size());
    return hash;
}

size_t bytes_of_slots(uint16_t leaves, uint16_t inners) {
    return static_cast<size_t>(std::popcount(leaves)) * kLeafBytes +
           static_cast<size_t>(std::popcount(inners)) * kInnerBytes;
}
size_t bytes_of_kind(Slot::Kind kind) {
    if (kind == Slot::Kind::kEmpty) return 0;
    return kind == Slot::Kind::kLeaf ? kLeafBytes : kInnerBytes;
}

}  // namespace

NibblePath NibblePath::child(uint8_t nibble) const {
    NibblePath path = *this;
    path.packed[length / 2] |= static_cast<uint8_t>(length % 2 == 0 ? nibble << 4 : nibble);
    ++path.length;
    return path;
}

bool NibblePath::is_prefix_of(const Hash256& key_hash) const {
    const size_t whole = length / 2;
    if (!std::equal(packed.begin(), packed.begin() + static_cast<std::ptrdiff_t>(whole),
                    key_hash.bytes.begin()))
        return false;
    return length % 2 == 0 || packed[whole] >> 4 == key_hash.bytes[whole] >> 4;
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
    return {Kind::kLeaf, 0, {}, key_hash, value_hash};
}

Slot Slot::inner(uint64_t version, const Hash256& hash) {
    return {Kind::kInner, version, hash, {}, {}};
}

Hash256 Slot::subtree_hash() const {
    if (kind == Kind::kEmpty) return kEmptySubtree;
    return kind == Kind::kInner ? hash : state_leaf_hash(key_hash, value_hash);
}

size_t Node::offset_of(size_t index) const {
    const auto below = static_cast<uint16_t>((1U << index) - 1);
    return bytes_of_slots(leaves_ & below, inners_ & below);
}

Slot Node::slot(size_t index) const {
    const auto bit = static_cast<uint16_t>(1U << index);
    if ((occupied() & bit) == 0) return {};
    const uint8_t* const at = data_.data() + offset_of(index);
    if ((leaves_ & bit) != 0) return Slot::leaf(read_hash(at), read_hash(at + 32));
    return Slot::inner(read_be64({at, 8}), read_hash(at + 8));
}

void Node::set_slot(size_t index, const Slot& slot) {
    const auto bit = static_cast<uint16_t>(1U << index);
    const auto at = data_.begin() + static_cast<std::ptrdiff_t>(offset_of(index));
    const size_t old_bytes =
        bytes_of_slots(static_cast<uint16_t>(leaves_ & bit), static_cast<uint16_t>(inners_ & bit));
    const size_t new_bytes = bytes_of_kind(slot.kind);
    if (new_bytes > old_bytes)
        data_.insert(at, new_bytes - old_bytes, 0);
    else
        data_.erase(at, at + static_cast<std::ptrdiff_t>(old_bytes - new_bytes));
    leaves_ = static_cast<uint16_t>(leaves_ & ~bit);
    inners_ = static_cast<uint16_t>(inners_ & ~bit);
    uint8_t* const out = data_.data() + offset_of(index);
    if (slot.kind == Slot::Kind::kLeaf) {
        leaves_ |= bit;
        std::memcpy(out, slot.key_hash.bytes.data(), 32);
        std::memcpy(out + 32, slot.value_hash.bytes.data(), 32);
    } else if (slot.kind == Slot::Kind::kInner) {
        inners_ |= bit;
        for (size_t i = 0; i < 8; ++i) out[i] = static_cast<uint8_t>(slot.version >> (56 - 8 * i));
        std::memcpy(out + 8, slot.hash.bytes.data(), 32);
    }
}

size_t Node::memory_bytes() const {
    return sizeof(Node) + data_.capacity();
}

size_t Node::packed_bytes() const {
    return bytes_of_slots(leaves_, inners_);
}

uint8_t* Node::hash_place(size_t position) {
    return data_.data() + packed_bytes() + (position - 1) * kHashBytes;
}

uint16_t Node::occupied_at(size_t position) const {
    return occupied() & slots_below(position);
}

bool Node::is_lone_leaf(size_t position) const {
    const uint16_t bits = occupied_at(position);
    return std::has_single_bit(bits) && (bits & leaves_) != 0;
}

std::optional<Slot> Node::lone_leaf(size_t position) const {
    if (!is_lone_leaf(position)) return std::nullopt;
    return slot(static_cast<size_t>(std::countr_zero(occupied_at(position))));
}

Hash256 Node::hash_at(size_t position) const {
    if (position >= kSlots) return slot(position - kSlots).subtree_hash();
    if (empty_at(position)) return kEmptySubtree;
    if (!keeps_hashes()) return combined_at(position);
    return read_hash(data_.data() + packed_bytes() + (position - 1) * kHashBytes);
}

// The hash of a binary position that is not empty, from the positions below it.
Hash256 Node::combined_at(size_t position) const {
    const size_t left = 2 * position;
    if (is_lone_leaf(position)) return hash_at(empty_at(left) ? left + 1 : left);
    return inner_hash(hash_at(left), hash_at(left + 1));
}

void Node::rehash(uint16_t changed) {
    const bool keep = std::popcount(occupied()) > kMaxUncached;
    if (keep && !keeps_hashes()) changed = kAllSlots;
    const size_t bytes = packed_bytes() + (keep ? kKeptHashBytes : 0);
    data_.reserve(bytes);
    data_.resize(bytes);
    data_.shrink_to_fit();
    if (!keep) return;
    for (size_t position = kSlots - 1; position >= 1; --position) {
        if ((slots_below(position) & changed) == 0 || empty_at(position)) continue;
        const Hash256 hash = combined_at(position);
        std::memcpy(hash_place(position), hash.bytes.data(), kHashBytes);
    }
}

std::array<uint8_t, Node::kHeaderBytes> Node::encoded_header() const {
    return {kNodeFormat, static_cast<uint8_t>(leaves_ >> 8), static_cast<uint8_t>(leaves_),
            static_cast<uint8_t>(inners_ >> 8), static_cast<uint8_t>(inners_)};
}

Result<Node> decode_node(ByteView bytes) {
    if (bytes.size() < Node::kHeaderBytes || bytes[0] != kNodeFormat)
        return corrupt_node("unknown format");
    Node node;
    node.leaves_ = read_be16(bytes.subspan(1));
    node.inners_ = read_be16(bytes.subspan(3));
    const ByteView packed = bytes.subspan(Node::kHeaderBytes);
    if ((node.leaves_ & node.inners_) != 0 ||
        packed.size() != bytes_of_slots(node.leaves_, node.inners_))
        return corrupt_node("length does not match its slots");
    node.data_ = bytes_of(packed);
    return node;
}

}  // namespace assay::ledger
