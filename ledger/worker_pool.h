// A fixed set of threads that runs one indexed loop at a time, for work without shared state such
// as recovering the signers of a block's transactions.
//
// Ownership: joins its threads in the destructor. Threads: for_each may be called from any thread;
// concurrent calls take turns. Errors: `body` must not throw.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace assay::ledger {

class WorkerPool {
public:
    // `threads` counts the caller's own thread; 0 means one for each processor, at most 8.
    explicit WorkerPool(unsigned threads = 0);
    ~WorkerPool();
    WorkerPool(const WorkerPool&) = delete;
    WorkerPool& operator=(const WorkerPool&) = delete;

    // Calls body(i) once for every i below `count`, in no fixed order; returns when all are done.
    void for_each(size_t count, const std::function<void(size_t)>& body);

private:
    void run_worker();
    // Takes indices until none is left. Call with `lock` held; returns with it held.
    void drain(std::unique_lock<std::mutex>& lock);

    std::mutex turn_;  // one loop at a time

    std::mutex mutex_;
    std::condition_variable work_ready_;
    std::condition_variable work_done_;
    // Guarded by mutex_.
    const std::function<void(size_t)>* body_ = nullptr;
    size_t next_ = 0;
    size_t count_ = 0;
    size_t unfinished_ = 0;
    bool stopping_ = false;

    std::vector<std::thread> threads_;
};

}  // namespace assay::ledger
