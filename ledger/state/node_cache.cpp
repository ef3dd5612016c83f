#include "ledger/state/node_cache.h"

#include <algorithm>
#include <mutex>

namespace assay::ledger {

namespace {

// The allocator's overhead of a place, its node and the node's bytes, and the block of the
// shared_ptr.
constexpr size_t kOverheadBytes = 64;

}  // namespace

std::shared_ptr<const Node> NodeCache::find(const NodeKey& key) const {
    const Place* place = root_.get();
    for (size_t depth = 0; place != nullptr && depth < key.path.length; ++depth)
        place = place->children ? (*place->children)[key.path.nibble(depth)].get() : nullptr;
    return place != nullptr && place->version == key.version ? place->node : nullptr;
}

// Null if there is no place above it.
std::unique_ptr<NodeCache::Place>* NodeCache::slot_of(const NibblePath& path) {
    std::unique_ptr<Place>* slot = &root_;
    for (size_t depth = 0; depth < path.length; ++depth) {
        if (!*slot) return nullptr;
        auto& children = (*slot)->children;
        if (!children) {
            children = std::make_unique<Children>();
            bytes_ += sizeof(Children);
        }
        slot = &(*children)[path.nibble(depth)];
    }
    return slot;
}

void NodeCache::apply(const TreeUpdate& update) {
    const std::lock_guard lock(mutex_);
    // By ascending key, and of one version: each node after the one above it.
    for (const auto& [key, node] : update.written) insert(key, node);
    shrink();
}

void NodeCache::clear() {
    const std::lock_guard lock(mutex_);
    root_.reset();
    bytes_ = 0;
}

size_t NodeCache::memory_bytes() const {
    const std::shared_lock lock(mutex_);
    return bytes_;
}

void NodeCache::insert(const NodeKey& key, const std::shared_ptr<const Node>& node) {
    std::unique_ptr<Place>* const slot = slot_of(key.path);
    if (slot == nullptr) return;
    if (*slot) {
        bytes_ -= (*slot)->node->memory_bytes();
    } else {
        *slot = std::make_unique<Place>();
        bytes_ += sizeof(Place) + kOverheadBytes;
    }
    Place& place = **slot;
    bytes_ += node->memory_bytes();
    place.version = key.version;
    place.node = node;
    place.is_recent = true;
    if (!place.children) return;
    for (size_t i = 0; i < Node::kSlots; ++i)
        if ((*place.children)[i] && !node->has_child(i)) erase((*place.children)[i]);
}

// With all below it.
void NodeCache::erase(std::unique_ptr<Place>& place) {
    if (place->children) {
        for (std::unique_ptr<Place>& child : *place->children)
            if (child) erase(child);
        bytes_ -= sizeof(Children);
    }
    bytes_ -= sizeof(Place) + kOverheadBytes + place->node->memory_bytes();
    place.reset();
}

// Erases what is below `place` and has not been written since the last sweep. False: nor has it.
bool NodeCache::sweep(Place& place) {
    bool is_needed = place.is_recent;
    place.is_recent = false;
    if (!place.children) return is_needed;
    for (std::unique_ptr<Place>& child : *place.children) {
        if (!child) continue;
        if (sweep(*child))
            is_needed = true;
        else
            erase(child);
    }
    return is_needed;
}

// A sixteenth of the tree at a time; the second time round nothing is recent.
void NodeCache::shrink() {
    for (size_t i = 0; i < 2 * Node::kSlots && bytes_ > max_bytes_; ++i) {
        if (!root_->children) return;
        std::unique_ptr<Place>& part = (*root_->children)[next_swept_++ % Node::kSlots];
        if (part && !sweep(*part)) erase(part);
    }
}

}  // namespace assay::ledger
