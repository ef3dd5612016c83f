// The newest tree nodes in RAM, least recently used dropped first: an update walks the same upper
// levels every block, so those never leave. Limited by bytes, bookkeeping included.
//
// Ownership: nodes are shared with their readers. Threads: all methods from any thread (one mutex).
// Errors: those of the reader that a miss falls back to.
#pragma once

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
    void clear();

private:
    // Lookup only; never iterated, so its order cannot matter.
    struct PathHash {
        size_t operator()(const NibblePath& path) const;
    };
    struct Entry;
    using Linked = std::pair<const NibblePath, Entry>;
    // Map entries stay where they are, so that they link each other by address.
    struct Entry {
        uint64_t version = 0;
        std::shared_ptr<const Node> node;
        Linked* newer = nullptr;
        Linked* older = nullptr;
    };
    using Map = std::unordered_map<NibblePath, Entry, PathHash>;

    void insert(const NodeKey& key, std::shared_ptr<const Node> node);
    void erase(Map::iterator entry);
    void link_as_newest(Linked& entry);
    void unlink(const Entry& entry);

    const size_t max_bytes_;
    std::mutex mutex_;  // guards the rest
    Map by_path_;
    Linked* newest_ = nullptr;
    Linked* oldest_ = nullptr;
    size_t bytes_ = 0;
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
