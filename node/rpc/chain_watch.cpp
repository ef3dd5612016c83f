#include "node/rpc/chain_watch.h"

#include <chrono>

namespace assay::node {

ChainWatch::ChainWatch(ledger::Engine& engine, std::function<void()> on_commit)
    : engine_(engine), on_commit_(std::move(on_commit)) {
    token_ = engine_.subscribe([this](const ledger::CommittedBlock&) {
        {
            const std::lock_guard lock(mutex_);
            ++commits_;
        }
        changed_.notify_all();
        if (on_commit_) on_commit_();
    });
}

ChainWatch::~ChainWatch() {
    engine_.unsubscribe(token_);
}

uint64_t ChainWatch::commits() const {
    const std::lock_guard lock(mutex_);
    return commits_;
}

void ChainWatch::wait(uint64_t seen, uint64_t max_ms) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::milliseconds(max_ms), [&] { return commits_ != seen; });
}

}  // namespace assay::node
