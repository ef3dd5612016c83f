#include "compute/kernels/thread_pool.h"

#include <algorithm>

namespace assay::compute {

ThreadPool::ThreadPool(int threads) {
    if (threads <= 0) threads = static_cast<int>(std::thread::hardware_concurrency());
    threads = std::clamp(threads, 1, kMaxThreads);
    for (int i = 1; i < threads; ++i) workers_.emplace_back([this, i] { work(i); });
}

ThreadPool::~ThreadPool() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    start_.notify_all();
    for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::dispatch(const Job& job) {
    {
        const std::lock_guard lock(mutex_);
        job_ = job;
        ++round_;
        running_ = static_cast<int>(workers_.size());
    }
    start_.notify_all();
    job.part(0);
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return running_ == 0; });
}

void ThreadPool::work(int index) {
    uint64_t seen = 0;
    while (true) {
        Job job;
        {
            std::unique_lock lock(mutex_);
            start_.wait(lock, [&] { return stopping_ || round_ != seen; });
            if (stopping_) return;
            seen = round_;
            job = job_;
        }
        job.part(index);
        const std::lock_guard lock(mutex_);
        if (--running_ == 0) done_.notify_one();
    }
}

}  // namespace assay::compute
