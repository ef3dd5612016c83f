// Wakes one thread after every committed block: what the node's background workers wait on.
//
// Ownership: borrows the engine from listen() to stop(). Threads: wait() by the worker alone, the
// rest by its owner. A block that comes while the worker is busy makes its next wait() return at
// once; several count as one.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "ledger/engine/engine.h"

namespace assay::node {

class BlockWaker {
public:
    explicit BlockWaker(ledger::Engine& engine) : engine_(engine) {}
    ~BlockWaker() { stop(); }
    BlockWaker(const BlockWaker&) = delete;
    BlockWaker& operator=(const BlockWaker&) = delete;

    void listen();
    // Until the next block or the timeout; false once stopped.
    bool wait(std::chrono::milliseconds timeout);
    void stop();  // for good; idempotent

private:
    ledger::Engine& engine_;
    uint64_t subscription_ = 0;
    bool listening_ = false;
    std::mutex mutex_;
    std::condition_variable wake_;
    bool woken_ = false;    // guarded by mutex_
    bool stopped_ = false;  // guarded by mutex_
};

}  // namespace assay::node
