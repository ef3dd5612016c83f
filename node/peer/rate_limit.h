// A token bucket per ledger address. Threads: any. Bounded: at kMaxTracked addresses the fullest
// are forgotten.
#pragma once

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>

#include "ledger/codec/address.h"

namespace assay::node {

class RateLimiter {
public:
    RateLimiter(double per_second, double burst) : per_second_(per_second), burst_(burst) {}

    bool allow(const ledger::Address& who) {
        const std::lock_guard lock(mutex_);
        const auto now = std::chrono::steady_clock::now();
        if (buckets_.size() >= kMaxTracked && !buckets_.contains(who)) buckets_.clear();
        auto& bucket = buckets_.try_emplace(who, Bucket{burst_, now}).first->second;
        const std::chrono::duration<double> passed = now - bucket.updated;
        bucket.tokens = std::min(burst_, bucket.tokens + passed.count() * per_second_);
        bucket.updated = now;
        if (bucket.tokens < 1) return false;
        bucket.tokens -= 1;
        return true;
    }

private:
    static constexpr size_t kMaxTracked = 10'000;
    struct Bucket {
        double tokens;
        std::chrono::steady_clock::time_point updated;
    };
    const double per_second_, burst_;
    std::mutex mutex_;
    std::map<ledger::Address, Bucket> buckets_;  // guarded by mutex_
};

}  // namespace assay::node
