// The token bucket of the peer service, with its own clock.
#include "node/peer/rate_limit.h"

#include <gtest/gtest.h>

namespace assay::node {
namespace {

using std::chrono::milliseconds;

ledger::Address address_of(uint32_t number) {
    ledger::Address address;
    std::memcpy(address.bytes.data(), &number, sizeof number);
    return address;
}

TEST(rate_limit, allows_the_burst_then_the_sustained_rate) {
    RateLimiter limiter(10, 3);
    const RateLimiter::Clock::time_point start{};
    const auto who = address_of(1);
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(limiter.allow(who, start));
    EXPECT_FALSE(limiter.allow(who, start));
    EXPECT_FALSE(limiter.allow(who, start + milliseconds(99)));
    EXPECT_TRUE(limiter.allow(who, start + milliseconds(101)));
    EXPECT_FALSE(limiter.allow(who, start + milliseconds(102)));
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(limiter.allow(who, start + milliseconds(10'000)));
    EXPECT_FALSE(limiter.allow(who, start + milliseconds(10'000)));
}

TEST(rate_limit, one_address_takes_nothing_from_another) {
    RateLimiter limiter(1, 1);
    const RateLimiter::Clock::time_point start{};
    EXPECT_TRUE(limiter.allow(address_of(1), start));
    EXPECT_FALSE(limiter.allow(address_of(1), start));
    EXPECT_TRUE(limiter.allow(address_of(2), start));
}

TEST(rate_limit, many_addresses_do_not_give_a_spent_one_its_burst_back) {
    RateLimiter limiter(1, 1);
    const RateLimiter::Clock::time_point start{};
    EXPECT_TRUE(limiter.allow(address_of(0), start));
    for (uint32_t i = 1; i < RateLimiter::kMaxTracked; ++i) {
        EXPECT_TRUE(limiter.allow(address_of(i), start));
    }
    EXPECT_FALSE(limiter.allow(address_of(1'000'000), start));  // full of recent ones
    EXPECT_FALSE(limiter.allow(address_of(0), start));
    // Later all have their token back and make room.
    EXPECT_TRUE(limiter.allow(address_of(1'000'000), start + milliseconds(1'000)));
}

}  // namespace
}  // namespace assay::node
