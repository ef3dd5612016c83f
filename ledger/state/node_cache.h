// The newest tree nodes in RAM, least recently used dropped first: an update walks the same upper
// levels every block, so those never leave. Limited by bytes, bookkeeping included.
//
// Ownership: nodes are shared with their readers. Threads: all methods from any thread (one mutex).
// Errors: those of the reader that a miss falls back to.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "ledger/state/tree.h"

namespace assay::ledger {

class NodeCache {
public:
    explicit NodeCache(size_t max_bytes) : max_bytes_(max_bytes) {}

    Result<std::shared_ptr<const Node>> read(const NodeKey& key, const NodeReader& fallback);
    // Takes in what a committed block wrote and forgets what it replaced.
    void apply(const TreeUpdate& update);

private:
    struct Entry {
        NodeKey key;
        std::shared_ptr<const Node> node;
    };
    // Lookup only; never iterated, so its order cannot matter.
    struct PathHash {
        size_t operator()(const NibblePath& path) const;
    };

    void insert(const NodeKey& key, std::shared_ptr<const Node> node);
    void erase(std::list<Entry>::iterator entry);

    const size_t max_bytes_;
    std::mutex mutex_;         // guards the rest
    std::list<Entry> recent_;  // most recent first
    size_t bytes_ = 0;
    std::unordered_map<NibblePath, std::list<Entry>::iterator, PathHash> by_path_;
};

// A NodeReader that tries the cache first.
class CachedReader : public NodeReader {
public:
    CachedReader(NodeCache& cache, const NodeReader& fallback)
        : cache_(cache), fallback_(fallback) {}
    [[nodiscard]] Result<std::shared_ptr<const Node>> read_node(const NodeKey& key) const override {
        return cache_.read(key, fallback_);
    }

private:
    NodeCache& cache_;
    const NodeReader& fallback_;
};

}  // namespace assay::ledger
