// The newest tree nodes in RAM, as a tree of their own: a read walks down from the root and takes
// no lock of its own, and what a block wrote replaces what it read. Limited by bytes, bookkeeping
// included; above the limit, nodes that no block wrote for a while go, from the leaves upwards.
//
// Ownership: nodes are shared with their readers. Threads: all methods from any thread; apply() and
// clear() wait until no CachedReader is left. Errors: those of the reader that a miss falls back
// to.
#pragma once

#include <array>
#include <memory>
#include <shared_mutex>

#include "ledger/state/tree.h"

namespace assay::ledger {

class NodeCache {
public:
    explicit NodeCache(size_t max_bytes) : max_bytes_(max_bytes) {}

    // Takes in what a committed block wrote, in place of what it replaced.
    void apply(const TreeUpdate& update);
    void clear();
    [[nodiscard]] size_t memory_bytes() const;

private:
    friend class CachedReader;
    // Where a node is in the tree; those above it are there too.
    struct Place;
    using Children = std::array<std::unique_ptr<Place>, Node::kSlots>;
    struct Place {
        uint64_t version = 0;
        std::shared_ptr<const Node> node;
        bool is_recent = true;               // written since the last sweep
        std::unique_ptr<Children> children;  // null: none has been here
    };

    // Null if the node of this version is not here.
    [[nodiscard]] std::shared_ptr<const Node> find(const NodeKey& key) const;
    [[nodiscard]] std::unique_ptr<Place>* slot_of(const NibblePath& path);
    void insert(const NodeKey& key, const std::shared_ptr<const Node>& node);
    void erase(std::unique_ptr<Place>& place);
    bool sweep(Place& place);
    void shrink();

    const size_t max_bytes_;
    mutable std::shared_mutex mutex_;  // guards the rest; held by each CachedReader
    std::unique_ptr<Place> root_;
    size_t bytes_ = 0;
    size_t next_swept_ = 0;  // slot of the root
};

// A NodeReader that tries the cache first, and holds it as it is. Several threads may read from
// one.
class CachedReader : public NodeReader {
public:
    CachedReader(const NodeCache& cache, const NodeReader& fallback)
        : cache_(cache), fallback_(fallback), lock_(cache.mutex_) {}
    [[nodiscard]] Result<std::shared_ptr<const Node>> read_node(const NodeKey& key) const override {
        if (auto node = cache_.find(key)) return node;
        return fallback_.read_node(key);
    }

private:
    const NodeCache& cache_;
    const NodeReader& fallback_;
    const std::shared_lock<std::shared_mutex> lock_;
};

}  // namespace assay::ledger
