#include "ledger/state/node_cache.h"

namespace assay::ledger {

namespace {

// List node, map node and allocator overhead of one entry.
constexpr size_t kEntryBytes = 240;

}  // namespace

size_t NodeCache::PathHash::operator()(const NibblePath& path) const {
    // The path is a prefix of a SHA-256 output: its first bytes are already well mixed.
    return static_cast<size_t>(read_be64(path.packed) ^ path.length * 0x9e3779b97f4a7c15U);
}

Result<std::shared_ptr<const Node>> NodeCache::read(const NodeKey& key,
                                                    const NodeReader& fallback) {
    {
        const std::lock_guard lock(mutex_);
        const auto found = by_path_.find(key.path);
        if (found != by_path_.end() && found->second->key == key) {
            recent_.splice(recent_.begin(), recent_, found->second);
            return found->second->node;
        }
    }
    ASSAY_ASSIGN(auto node, fallback.read_node(key));
    const std::lock_guard lock(mutex_);
    insert(key, node);
    return node;
}

void NodeCache::apply(const TreeUpdate& update) {
    const std::lock_guard lock(mutex_);
    // Short paths last, so that the upper levels end up most recent.
    for (auto entry = update.written.rbegin(); entry != update.written.rend(); ++entry)
        insert(entry->first, entry->second);
    // Left over are the paths that have no node any more.
    for (const NodeKey& key : update.stale) {
        const auto found = by_path_.find(key.path);
        if (found != by_path_.end() && found->second->key == key) erase(found->second);
    }
}

void NodeCache::insert(const NodeKey& key, std::shared_ptr<const Node> node) {
    bytes_ += kEntryBytes + node->memory_bytes();
    const auto [found, is_new] = by_path_.try_emplace(key.path);
    if (is_new) {
        recent_.push_front({key, std::move(node)});
        found->second = recent_.begin();
    } else {
        Entry& entry = *found->second;
        if (entry.key.version > key.version) {
            bytes_ -= kEntryBytes + node->memory_bytes();
            return;
        }
        bytes_ -= kEntryBytes + entry.node->memory_bytes();
        entry = {key, std::move(node)};
        recent_.splice(recent_.begin(), recent_, found->second);
    }
    while (bytes_ > max_bytes_ && recent_.size() > 1) erase(std::prev(recent_.end()));
}

void NodeCache::erase(std::list<Entry>::iterator entry) {
    bytes_ -= kEntryBytes + entry->node->memory_bytes();
    by_path_.erase(entry->key.path);
    recent_.erase(entry);
}

}  // namespace assay::ledger
