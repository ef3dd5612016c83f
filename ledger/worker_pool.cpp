#include "ledger/worker_pool.h"

#include <algorithm>

namespace assay::ledger {
namespace {
constexpr unsigned kMaxThreads = 8;
constexpr size_t kIndicesPerTurn = 16;  // large enough that the lock costs nothing
}  // namespace

WorkerPool::WorkerPool(unsigned threads) {
    if (threads == 0) threads = std::clamp(std::thread::hardware_concurrency(), 1U, kMaxThreads);
    for (unsigned i = 1; i < threads; ++i) threads_.emplace_back([this] { run_worker(); });
}

WorkerPool::~WorkerPool() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    work_ready_.notify_all();
    for (std::thread& thread : threads_) thread.join();
}

void WorkerPool::for_each(size_t count, const std::function<void(size_t)>& body) {
    if (count == 0) return;
    const std::lock_guard turn(turn_);
    std::unique_lock lock(mutex_);
    body_ = &body;
    next_ = 0;
    count_ = count;
    unfinished_ = count;
    if (count > kIndicesPerTurn) work_ready_.notify_all();
    drain(lock);
    work_done_.wait(lock, [this] { return unfinished_ == 0; });
    count_ = 0;
    body_ = nullptr;
}

void WorkerPool::drain(std::unique_lock<std::mutex>& lock) {
    while (next_ < count_) {
        const size_t first = next_;
        const size_t last = std::min(count_, first + kIndicesPerTurn);
        const auto& body = *body_;
        next_ = last;
        lock.unlock();
        for (size_t i = first; i < last; ++i) body(i);
        lock.lock();
        unfinished_ -= last - first;
    }
    if (unfinished_ == 0) work_done_.notify_all();
}

void WorkerPool::run_worker() {
    std::unique_lock lock(mutex_);
    while (true) {
        work_ready_.wait(lock, [this] { return stopping_ || next_ < count_; });
        if (stopping_) return;
        drain(lock);
    }
}

}  // namespace assay::ledger
