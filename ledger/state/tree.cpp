#include "ledger/state/tree.h"

#include <algorithm>
#include <iterator>
#include <thread>

namespace assay::ledger {

namespace {

using Changes = std::span<const LeafChange>;

// Splits off the leading changes whose nibble at `depth` equals that of the first one.
Changes take_nibble_group(Changes& rest, size_t depth) {
    const uint8_t nibble = key_nibble(rest.front().key_hash, depth);
    size_t count = 1;
    while (count < rest.size() && key_nibble(rest[count].key_hash, depth) == nibble) ++count;
    const Changes group = rest.first(count);
    rest = rest.subspan(count);
    return group;
}

// Starting a thread costs about as much as this many changes.
constexpr size_t kMinChangesForTwoThreads = 256;

// Makes nodes of one version.
class Builder {
public:
    explicit Builder(uint64_t version) : version_(version) {}

    Slot build(const NibblePath& path, Changes leaves);
    Slot join(const NibblePath& path, std::span<const Subtree> subtrees);
    void join_root(std::span<const Subtree> subtrees);
    TreeUpdate take_result();

protected:
    Node joined(const NibblePath& path, std::span<const Subtree> subtrees);
    Slot replace_node(const NibblePath& path, Node node, uint16_t changed);
    void write(const NibblePath& path, Node node);

    const uint64_t version_;
    TreeUpdate result_;
};

class Updater : public Builder {
public:
    Updater(const NodeReader& reader, uint64_t version) : Builder(version), reader_(reader) {}

    Status update_root(std::optional<uint64_t> base, Changes changes);

private:
    Result<uint16_t> update_halves(Node& root, Changes changes);
    Result<uint16_t> update_slots(const NibblePath& path, Node& node, Changes changes);
    Result<Slot> update_slot(const NibblePath& path, const Slot& old, Changes changes);

    const NodeReader& reader_;
};

Status Updater::update_root(std::optional<uint64_t> base, Changes changes) {
    Node root;
    if (base) {
        ASSAY_ASSIGN(const auto old, reader_.read_node({*base, {}}));
        root = *old;
    }
    ASSAY_ASSIGN(const uint16_t changed, changes.size() < kMinChangesForTwoThreads
                                             ? update_slots({}, root, changes)
                                             : update_halves(root, changes));
    root.rehash(changed);
    result_.root = root.hash_at(1);
    result_.root_version = base.value_or(version_);
    if (base && changed == 0) return {};
    if (base) result_.stale.push_back({*base, {}});
    result_.root_version = version_;
    write({}, std::move(root));
    return {};
}

// update_slots of the root node, its lower and its upper eight slots at the same time. The outcome
// is the same: what one half writes or reads lies below its own slots.
Result<uint16_t> Updater::update_halves(Node& root, Changes changes) {
    const auto is_lower = [](const LeafChange& change) {
        return key_nibble(change.key_hash, 0) < Node::kSlots / 2;
    };
    const auto middle = std::partition_point(changes.begin(), changes.end(), is_lower);
    const auto lower_count = static_cast<size_t>(middle - changes.begin());
    Updater upper(reader_, version_);
    Node upper_root = root;
    Result<uint16_t> upper_changed = uint16_t{0};
    std::thread upper_thread(
        [&] { upper_changed = upper.update_slots({}, upper_root, changes.subspan(lower_count)); });
    const Result<uint16_t> lower_changed = update_slots({}, root, changes.first(lower_count));
    upper_thread.join();
    if (!lower_changed) return lower_changed.error();
    if (!upper_changed) return upper_changed.error();
    for (size_t i = 0; i < Node::kSlots; ++i)
        if ((*upper_changed >> i & 1) != 0) root.set_slot(i, upper_root.slot(i));
    std::move(upper.result_.written.begin(), upper.result_.written.end(),
              std::back_inserter(result_.written));
    result_.stale.insert(result_.stale.end(), upper.result_.stale.begin(),
                         upper.result_.stale.end());
    return static_cast<uint16_t>(*lower_changed | *upper_changed);
}

// Returns a bit for every slot that changed.
Result<uint16_t> Updater::update_slots(const NibblePath& path, Node& node, Changes changes) {
    uint16_t changed = 0;
    while (!changes.empty()) {
        const uint8_t nibble = key_nibble(changes.front().key_hash, path.length);
        const Changes group = take_nibble_group(changes, path.length);
        const Slot old = node.slot(nibble);
        ASSAY_ASSIGN(const Slot slot, update_slot(path.child(nibble), old, group));
        if (slot == old) continue;
        node.set_slot(nibble, slot);
        changed |= static_cast<uint16_t>(1U << nibble);
    }
    return changed;
}

Result<Slot> Updater::update_slot(const NibblePath& path, const Slot& old, Changes changes) {
    if (old.kind == Slot::Kind::kInner) {
        ASSAY_ASSIGN(const auto stored, reader_.read_node({old.version, path}));
        Node node = *stored;
        ASSAY_ASSIGN(const uint16_t changed, update_slots(path, node, changes));
        if (changed == 0) return old;
        result_.stale.push_back({old.version, path});
        return replace_node(path, std::move(node), changed);
    }
    std::vector<LeafChange> leaves;
    leaves.reserve(changes.size() + 1);
    for (const LeafChange& change : changes)
        if (change.value_hash) leaves.push_back(change);
    if (old.kind == Slot::Kind::kLeaf) {
        const auto below = [](const LeafChange& a, const Hash256& b) { return a.key_hash < b; };
        const auto touched = std::lower_bound(changes.begin(), changes.end(), old.key_hash, below);
        if (touched == changes.end() || touched->key_hash != old.key_hash)
            leaves.insert(std::lower_bound(leaves.begin(), leaves.end(), old.key_hash, below),
                          {old.key_hash, old.value_hash});
    }
    return build(path, leaves);
}

// A subtree that had no node before.
Slot Builder::build(const NibblePath& path, Changes leaves) {
    if (leaves.empty()) return {};
    if (leaves.size() == 1) return Slot::leaf(leaves[0].key_hash, *leaves[0].value_hash);
    Node node;
    while (!leaves.empty()) {
        const uint8_t nibble = key_nibble(leaves.front().key_hash, path.length);
        node.set_slot(nibble, build(path.child(nibble), take_nibble_group(leaves, path.length)));
    }
    return replace_node(path, std::move(node), Node::kAllSlots);
}

// The node at `path` over the subtrees below it.
Node Builder::joined(const NibblePath& path, std::span<const Subtree> subtrees) {
    Node node;
    while (!subtrees.empty()) {
        const uint8_t nibble = subtrees.front().path.nibble(path.length);
        size_t count = 1;
        while (count < subtrees.size() && subtrees[count].path.nibble(path.length) == nibble)
            ++count;
        node.set_slot(nibble, join(path.child(nibble), subtrees.first(count)));
        subtrees = subtrees.subspan(count);
    }
    return node;
}

Slot Builder::join(const NibblePath& path, std::span<const Subtree> subtrees) {
    if (subtrees.front().path == path) return subtrees.front().slot;
    return replace_node(path, joined(path, subtrees), Node::kAllSlots);
}

void Builder::join_root(std::span<const Subtree> subtrees) {
    Node root = joined({}, subtrees);
    root.rehash(Node::kAllSlots);
    result_.root = root.hash_at(1);
    result_.root_version = version_;
    write({}, std::move(root));
}

// The slot for a changed node: a node left with one leaf or none is collapsed into its parent.
Slot Builder::replace_node(const NibblePath& path, Node node, uint16_t changed) {
    if (node.empty_at(1)) return {};
    if (const auto leaf = node.lone_leaf(1)) return *leaf;
    node.rehash(changed);
    const Slot slot = Slot::inner(version_, node.hash_at(1));
    write(path, std::move(node));
    return slot;
}

void Builder::write(const NibblePath& path, Node node) {
    result_.written.emplace_back(NodeKey{version_, path},
                                 std::make_shared<const Node>(std::move(node)));
}

TreeUpdate Builder::take_result() {
    std::sort(result_.written.begin(), result_.written.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    return std::move(result_);
}

Hash256 subtree_root(Changes leaves, size_t depth) {
    if (leaves.empty()) return kEmptySubtree;
    if (leaves.size() == 1) return state_leaf_hash(leaves[0].key_hash, *leaves[0].value_hash);
    size_t left = 0;
    while (left < leaves.size() && key_bit(leaves[left].key_hash, depth) == 0) ++left;
    return inner_hash(subtree_root(leaves.first(left), depth + 1),
                      subtree_root(leaves.subspan(left), depth + 1));
}

}  // namespace

Result<TreeUpdate> update_tree(const NodeReader& reader, std::optional<uint64_t> base,
                               Changes changes, uint64_t version) {
    const auto not_ascending = [](const LeafChange& a, const LeafChange& b) {
        return a.key_hash >= b.key_hash;
    };
    if (std::adjacent_find(changes.begin(), changes.end(), not_ascending) != changes.end())
        return fail(Code::kInternal, "tree changes must be sorted by key hash without duplicates");
    Updater updater(reader, version);
    ASSAY_RETURN_IF_ERROR(updater.update_root(base, changes));
    return updater.take_result();
}

Slot build_subtree(const NibblePath& path, Changes leaves, uint64_t version,
                   WrittenNodes& written) {
    Builder builder(version);
    const Slot slot = builder.build(path, leaves);
    TreeUpdate built = builder.take_result();
    std::move(built.written.begin(), built.written.end(), std::back_inserter(written));
    return slot;
}

TreeUpdate join_subtrees(std::span<const Subtree> subtrees, uint64_t version) {
    Builder builder(version);
    builder.join_root(subtrees);
    return builder.take_result();
}

Hash256 tree_root_of(Changes leaves) {
    return subtree_root(leaves, 0);
}

}  // namespace assay::ledger
