#include "ledger/state/node_cache.h"

namespace assay::ledger {

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
    for (const NodeKey& key : update.stale) {
        const auto found = by_path_.find(key.path);
        if (found == by_path_.end() || found->second->key != key) continue;
        recent_.erase(found->second);
        by_path_.erase(found);
    }
    // Written children first, so the upper levels end up most recent.
    for (const auto& [key, node] : update.written) insert(key, node);
}

void NodeCache::insert(const NodeKey& key, std::shared_ptr<const Node> node) {
    const auto found = by_path_.find(key.path);
    if (found != by_path_.end()) {
        if (found->second->key.version > key.version) return;
        recent_.erase(found->second);
        by_path_.erase(found);
    }
    recent_.push_front({key, std::move(node)});
    by_path_.emplace(key.path, recent_.begin());
    while (recent_.size() > capacity_) {
        by_path_.erase(recent_.back().key.path);
        recent_.pop_back();
    }
}

}  // namespace assay::ledger
