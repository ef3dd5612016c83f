#include "ledger/state/node_cache.h"

namespace assay::ledger {

namespace {

// Map entry, table slot, the node's own block and the allocator's overhead of both.
constexpr size_t kEntryBytes = 160;

size_t bytes_of_entry(const Node& node) {
    return kEntryBytes + node.memory_bytes();
}

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
        if (found != by_path_.end() && found->second.version == key.version) {
            unlink(found->second);
            link_as_newest(*found);
            return found->second.node;
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
        if (found != by_path_.end() && found->second.version == key.version) erase(found);
    }
}

void NodeCache::clear() {
    const std::lock_guard lock(mutex_);
    by_path_.clear();
    newest_ = oldest_ = nullptr;
    bytes_ = 0;
}

void NodeCache::insert(const NodeKey& key, std::shared_ptr<const Node> node) {
    const auto [found, is_new] = by_path_.try_emplace(key.path);
    Entry& entry = found->second;
    if (!is_new) {
        if (entry.version > key.version) return;
        bytes_ -= bytes_of_entry(*entry.node);
        unlink(entry);
    }
    bytes_ += bytes_of_entry(*node);
    entry.version = key.version;
    entry.node = std::move(node);
    link_as_newest(*found);
    while (bytes_ > max_bytes_ && oldest_ != newest_) erase(by_path_.find(oldest_->first));
}

void NodeCache::erase(Map::iterator entry) {
    bytes_ -= bytes_of_entry(*entry->second.node);
    unlink(entry->second);
    by_path_.erase(entry);
}

void NodeCache::link_as_newest(Linked& entry) {
    entry.second.newer = nullptr;
    entry.second.older = newest_;
    (newest_ ? newest_->second.newer : oldest_) = &entry;
    newest_ = &entry;
}

void NodeCache::unlink(const Entry& entry) {
    (entry.newer ? entry.newer->second.older : newest_) = entry.older;
    (entry.older ? entry.older->second.newer : oldest_) = entry.newer;
}

}  // namespace assay::ledger
