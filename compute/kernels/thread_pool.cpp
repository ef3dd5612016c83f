#include "compute/kernels/thread_pool.h"

#include <algorithm>

namespace assay::compute {
namespace {

// About 50 microseconds; a wake-up takes as long on a virtual machine.
constexpr int kLooks = 2000;

void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

int held(int threads) {
    if (threads <= 0) threads = static_cast<int>(std::thread::hardware_concurrency());
    return std::clamp(threads, 1, kMaxThreads);
}

// With more threads than processors looking only takes time from the one that works.
int looks(int threads) {
    return threads <= static_cast<int>(std::thread::hardware_concurrency()) ? kLooks : 0;
}

}  // namespace

template <class Ready>
bool ThreadPool::look_for(const Ready& ready) const {
    for (int i = 0; i < looks_; ++i) {
        if (ready()) return true;
        pause();
    }
    return false;
}

ThreadPool::ThreadPool(int threads) : looks_(looks(held(threads))) {
    const int count = held(threads);
    for (int i = 1; i < count; ++i) workers_.emplace_back([this, i] { work(i); });
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
        running_ = static_cast<int>(workers_.size());
        ++round_;
    }
    start_.notify_all();
    job.part(0);
    const auto done = [this] { return running_ == 0; };
    if (look_for(done)) return;
    std::unique_lock lock(mutex_);
    done_.wait(lock, done);
}

void ThreadPool::work(int index) {
    uint64_t seen = 0;
    while (true) {
        const auto called = [&] { return stopping_ || round_ != seen; };
        if (!look_for(called)) {
            std::unique_lock lock(mutex_);
            start_.wait(lock, called);
        }
        if (stopping_) return;
        seen = round_;
        job_.part(index);
        if (--running_ > 0) continue;
        const std::lock_guard lock(mutex_);  // the caller may be about to sleep
        done_.notify_one();
    }
}

}  // namespace assay::compute
