#include "node/core/block_waker.h"

namespace assay::node {

void BlockWaker::listen() {
    subscription_ = engine_.subscribe([this](const ledger::CommittedBlock&) {
        const std::lock_guard lock(mutex_);
        woken_ = true;
        wake_.notify_one();
    });
    listening_ = true;
}

bool BlockWaker::wait(std::chrono::milliseconds timeout) {
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, timeout, [this] { return woken_ || stopped_; });
    woken_ = false;
    return !stopped_;
}

void BlockWaker::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopped_ = true;
        wake_.notify_one();
    }
    // Outside the lock: unsubscribe waits for a running listener, which takes it.
    if (listening_) engine_.unsubscribe(subscription_);
    listening_ = false;
}

}  // namespace assay::node
