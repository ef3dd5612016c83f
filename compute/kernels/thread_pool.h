// ThreadPool: splits a range of independent items over a fixed set of worker threads.
//
// Part i of n always covers the same items, but nothing may depend on it: parts write disjoint
// outputs or add integers. A thread that waits looks for work for some microseconds before it
// sleeps: waking it costs as much as a small operation. Ownership: owns its threads, joined on
// destruction. Threads: call run() from one thread at a time; the caller works too. Errors: none; a
// body must not throw.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace assay::compute {

inline constexpr int kMaxThreads = 256;

class ThreadPool {
public:
    explicit ThreadPool(int threads);  // 0: all hardware threads; held to 1..kMaxThreads
    ~ThreadPool();
    ThreadPool(const ThreadPool&) = delete;
    ThreadPool& operator=(const ThreadPool&) = delete;

    int threads() const { return static_cast<int>(workers_.size()) + 1; }

    // Calls body(part, begin, end) for at most threads() contiguous parts of [0, count), each of at
    // least `grain` items but the last; returns when all are done.
    template <class Body>
    void run(int64_t count, int64_t grain, const Body& body) {
        if (count <= 0) return;
        const int64_t most = (count + grain - 1) / grain;
        const int64_t parts = most < threads() ? most : threads();
        if (parts <= 1) return body(0, int64_t{0}, count);
        const int64_t size = (count + parts - 1) / parts;
        const Job job{[](const void* context, int part, int64_t begin, int64_t end) {
                          (*static_cast<const Body*>(context))(part, begin, end);
                      },
                      &body, count, size};
        dispatch(job);
    }

    // As run(), but parts of `grain` items are taken by whichever thread is free: body(worker,
    // begin, end) may be called several times by one worker.
    template <class Body>
    void run_shared(int64_t count, int64_t grain, const Body& body) {
        std::atomic<int64_t> next{0};
        run((count + grain - 1) / grain, 1, [&](int worker, int64_t, int64_t) {
            while (true) {
                const int64_t begin = next.fetch_add(grain, std::memory_order_relaxed);
                if (begin >= count) return;
                body(worker, begin, begin + grain < count ? begin + grain : count);
            }
        });
    }

private:
    struct Job {
        void (*call)(const void* context, int part, int64_t begin, int64_t end) = nullptr;
        const void* context = nullptr;
        int64_t count = 0, size = 0;
        void part(int index) const {
            const int64_t begin = index * size;
            const int64_t end = begin + size < count ? begin + size : count;
            if (begin < end) call(context, index, begin, end);
        }
    };
    void dispatch(const Job& job);
    void work(int index);
    // Whether `ready` came true while it was looked at.
    template <class Ready>
    bool look_for(const Ready& ready) const;

    std::vector<std::thread> workers_;  // constant after construction
    const int looks_;                   // before sleeping
    std::mutex mutex_;
    std::condition_variable start_, done_;
    Job job_;  // written before round_ grows, while no worker is running
    // Changed under mutex_ but for running_'s decrease, so that no sleeper misses a change.
    std::atomic<uint64_t> round_{0};
    std::atomic<int> running_{0};
    std::atomic<bool> stopping_{false};
};

}  // namespace assay::compute
