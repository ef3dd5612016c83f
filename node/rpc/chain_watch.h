// Wakes RPC callers and subscribers when a block commits.
//
// Ownership: borrows the engine; unsubscribes in its destructor. Threads: any; the listener itself
// only notifies. Errors: none.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>

#include "ledger/engine/engine.h"

namespace assay::node {

class ChainWatch {
public:
    // `on_commit` runs on the engine's thread after every block: it must only post work.
    ChainWatch(ledger::Engine& engine, std::function<void()> on_commit);
    ~ChainWatch();
    ChainWatch(const ChainWatch&) = delete;
    ChainWatch& operator=(const ChainWatch&) = delete;

    // Counts commits since construction.
    [[nodiscard]] uint64_t commits() const;
    // Returns when commits() differs from `seen`, or after max_ms.
    void wait(uint64_t seen, uint64_t max_ms);

private:
    ledger::Engine& engine_;
    const std::function<void()> on_commit_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    uint64_t commits_ = 0;  // guarded by mutex_
    uint64_t token_ = 0;
};

}  // namespace assay::node
