#include "market/matching.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace assay::market {
namespace {

OperatorId id(uint8_t n) {
    OperatorId op{};
    op[0] = n;
    return op;
}

Bid good_bid(uint8_t n) {
    Bid bid;
    bid.op = id(n);
    bid.active = true;
    bid.price_floor = 100;
    bid.score = 1'000;
    bid.memory_mb = 8'000;
    bid.capacity = 1;
    bid.bonded = 10'000;
    bid.free_stake = 10'000;
    bid.stake_since_ms = 500;
    bid.draw = uint64_t{n} << 56;
    return bid;
}

Request request() {
    Request r;
    r.work_units = 10;
    r.price_ceiling = 200;
    r.min_score = 500;
    r.min_memory_mb = 4'000;
    r.now_ms = 1'000;
    r.deadline_ms = 20'000;
    r.required_stake = 5'000;
    r.min_bond = 1'000;
    r.min_stake_age_ms = 100;
    return r;
}

TEST(Matching, EachRuleExcludesWithItsReason) {
    struct Case {
        Reason reason;
        void (*spoil)(Bid&, Request&);
    };
    const Case cases[] = {
        {Reason::kEligible, [](Bid&, Request&) {}},
        {Reason::kInactive, [](Bid& b, Request&) { b.active = false; }},
        {Reason::kSuspended, [](Bid& b, Request&) { b.suspended = true; }},
        {Reason::kTombstoned, [](Bid& b, Request&) { b.tombstoned = true; }},
        {Reason::kJailed, [](Bid& b, Request&) { b.jailed = true; }},
        {Reason::kBondTooSmall, [](Bid& b, Request&) { b.bonded = 999; }},
        {Reason::kStakeTooYoung, [](Bid& b, Request&) { b.stake_since_ms = 901; }},
        {Reason::kStakeTooYoung, [](Bid& b, Request&) { b.stake_since_ms = 1'001; }},
        {Reason::kNotOnAccessList, [](Bid&, Request& r) { r.allowed = {id(9)}; }},
        {Reason::kEligible,
         [](Bid&, Request& r) {
             r.allowed = {id(1), id(9)};
         }},
        {Reason::kHasSlot, [](Bid&, Request& r) { r.taken = {id(1)}; }},
        {Reason::kScoreTooLow, [](Bid& b, Request&) { b.score = 499; }},
        {Reason::kScoreTooLow, [](Bid& b, Request& r) { b.score = 0, r.min_score = 0; }},
        {Reason::kMemoryTooSmall, [](Bid& b, Request&) { b.memory_mb = 3'999; }},
        {Reason::kPriceAboveCeiling, [](Bid& b, Request&) { b.price_floor = 201; }},
        {Reason::kDeadlineImpossible, [](Bid& b, Request&) { b.score = 500, b.price_floor = 1; }},
        {Reason::kDeadlineImpossible, [](Bid&, Request& r) { r.deadline_ms = 999; }},
        {Reason::kCapacityFull, [](Bid& b, Request&) { b.busy = 1; }},
        {Reason::kFreeStakeTooSmall, [](Bid& b, Request&) { b.free_stake = 4'999; }},
    };
    for (const Case& c : cases) {
        SCOPED_TRACE(reason_info(c.reason).name);
        Bid bid = good_bid(1);
        Request r = request();
        c.spoil(bid, r);
        EXPECT_EQ(eligibility(r, bid), c.reason);
        EXPECT_NE(explain(c.reason, r, bid).find("; "), std::string::npos);
    }
}

TEST(Matching, TheFirstRuleIsReported) {
    Bid bid = good_bid(1);
    bid.suspended = bid.jailed = true;
    bid.score = 0;
    EXPECT_EQ(eligibility(request(), bid), Reason::kSuspended);
}

TEST(Matching, OrderIsPriceTimeThenReputationThenDraw) {
    Bid cheap = good_bid(1), fast = good_bid(2), trusted = good_bid(3), plain = good_bid(4);
    cheap.price_floor = 25;
    fast.score = 2'000;
    trusted.reputation_milli = 5'000;
    const auto order = rank(request(), {plain, trusted, fast, cheap});
    ASSERT_EQ(order.size(), 4U);
    EXPECT_EQ(order[0].op, id(1));
    EXPECT_EQ(order[1].op, id(2));
    EXPECT_EQ(order[2].op, id(3));
    EXPECT_EQ(order[3].op, id(4));
    EXPECT_EQ(order[0].bid, 3U);  // index into what was given
}

TEST(Matching, ResultDoesNotDependOnTheOrderOfBids) {
    std::vector<Bid> bids;
    for (uint8_t n = 1; n <= 20; ++n) bids.push_back(good_bid(n));
    const auto forward = rank(request(), bids);
    std::reverse(bids.begin(), bids.end());
    const auto backward = rank(request(), bids);
    for (size_t i = 0; i < forward.size(); ++i) EXPECT_EQ(forward[i].op, backward[i].op);
}

TEST(Matching, StakeAboveTheCapGainsNothing) {
    std::vector<Bid> bids;
    for (uint8_t n = 1; n <= 40; ++n) bids.push_back(good_bid(n));
    bids[0].bonded = 1'000'000;  // total 1,390,000; the cap is 69,500
    const uint64_t capped = rank(request(), bids)[0].draw_key;
    const auto of_whale = [&](uint64_t bonded) {
        bids[0].bonded = bonded;
        for (const Candidate& c : rank(request(), bids))
            if (c.op == id(1)) return c.draw_key;
        return uint64_t{0};
    };
    EXPECT_EQ(of_whale(1'000'000), draw_key(bids[0].draw, 69'500, 69'500));
    EXPECT_EQ(of_whale(10'000), draw_key(bids[0].draw, 10'000, 20'000));
    EXPECT_NE(capped, 0U);
}

TEST(Matching, SelectMarksTheRestAsOutranked) {
    std::vector<Bid> bids = {good_bid(1), good_bid(2), good_bid(3), good_bid(4)};
    bids[2].active = false;
    const auto chosen = select(request(), bids, 2);
    EXPECT_EQ(chosen[0].reason, Reason::kEligible);
    EXPECT_EQ(chosen[1].reason, Reason::kEligible);
    EXPECT_EQ(chosen[2].reason, Reason::kOutranked);
    EXPECT_EQ(chosen[3].reason, Reason::kInactive);
}

TEST(Matching, OnePriceClearsAll) {
    std::vector<Bid> bids = {good_bid(1), good_bid(2), good_bid(3)};
    bids[1].price_floor = 150;
    const auto chosen = rank(request(), bids);
    EXPECT_EQ(clearing_price(chosen, 0), 150U);
    EXPECT_EQ(clearing_price(chosen, 170), 170U);
    EXPECT_EQ(clearing_price({}, 170), 0U);
}

TEST(Matching, ReasonsAreNumberedInTableOrder) {
    std::set<std::string_view> names;
    for (size_t i = 0; i < std::size(kReasons); ++i) {
        EXPECT_EQ(static_cast<size_t>(kReasons[i].reason), i);
        names.insert(kReasons[i].name);
    }
    EXPECT_EQ(names.size(), std::size(kReasons));
}

}  // namespace
}  // namespace assay::market
