// A token bucket per ledger address. Threads: any. Bounded: at kMaxTracked addresses those that
// have not asked for long enough to have their whole burst again are forgotten; that changes
// nothing for them.
#pragma once

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>

#include "ledger/codec/address.h"

namespace assay::node {

class RateLimiter {
public:
    using Clock = std::chrono::steady_clock;
    RateLimiter(double per_second, double burst) : per_second_(per_second), burst_(burst) {}

    bool allow(const ledger::Address& who, Clock::time_point now = Clock::now()) {
        const std::lock_guard lock(mutex_);
        if (buckets_.size() >= kMaxTracked && !buckets_.contains(who)) {
            std::erase_if(buckets_, [&](const auto& entry) {
                return tokens_at(entry.second, now) >= burst_;
            });
            if (buckets_.size() >= kMaxTracked) return false;
        }
        auto& bucket = buckets_.try_emplace(who, Bucket{burst_, now}).first->second;
        bucket = {tokens_at(bucket, now), now};
        if (bucket.tokens < 1) return false;
        bucket.tokens -= 1;
        return true;
    }

    static constexpr size_t kMaxTracked = 10'000;

private:
    struct Bucket {
        double tokens;
        Clock::time_point updated;
    };
    double tokens_at(const Bucket& bucket, Clock::time_point now) const {
        const std::chrono::duration<double> passed = now - bucket.updated;
        return std::min(burst_, bucket.tokens + passed.count() * per_second_);
    }

    const double per_second_, burst_;
    std::mutex mutex_;
    std::map<ledger::Address, Bucket> buckets_;  // guarded by mutex_
};

}  // namespace assay::node
