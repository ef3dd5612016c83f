// Committed blocks for many readers: a small cache, and the cursor behind a subscription.
//
// Ownership: BlockCache borrows the engine; a cursor borrows the cache. Threads: the cache from any
// thread; a cursor from one at a time. Errors: those of the engine; a cursor that cannot read a
// block (pruned, store failure) delivers nothing more.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "ledger/engine/engine.h"
#include "node/rpc/method.h"

namespace assay::node {

inline constexpr size_t kCachedBlocks = 64;

class BlockCache {
public:
    explicit BlockCache(ledger::Engine& engine) : engine_(engine) {}
    Result<std::shared_ptr<const ledger::CommittedBlock>> at(uint64_t height);
    [[nodiscard]] uint64_t head() const { return engine_.height(); }

private:
    ledger::Engine& engine_;
    std::mutex mutex_;
    std::map<uint64_t, std::shared_ptr<const ledger::CommittedBlock>> blocks_;  // guarded by mutex_
};

// Which events a reader wants.
struct EventFilter {
    std::vector<std::string> types;  // "job.posted", or a prefix such as "job."; empty: all
    std::optional<Hash256> job;      // only events that name this job
    [[nodiscard]] bool matches(const pb::Event& event) const;
};

enum class Topic : uint8_t { kBlocks, kEvents };

class BlockCursor : public Cursor {
public:
    BlockCursor(BlockCache& blocks, Topic topic, EventFilter filter, uint64_t from_height)
        : blocks_(blocks), topic_(topic), filter_(std::move(filter)), next_(from_height) {}
    // One block a step.
    bool next(std::vector<std::string>& results) override;

private:
    BlockCache& blocks_;
    const Topic topic_;
    const EventFilter filter_;
    uint64_t next_;
};

}  // namespace assay::node
