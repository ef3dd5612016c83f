// Matching: which standing bids may serve a request, and in which order.
//
// A pure integer function of its arguments: every node gets the same answer, and market_explain
// gives the same answer as the assignment it explains. Order among eligible bids: class of price x
// expected time (lower first), class of reputation (higher first), draw weighted by bonded stake
// where no operator counts more than 1 / kStakeShareCap of the eligible stake, then operator id.
// Ownership: results are values. Threads: pure. Errors: none.
#pragma once

#include <optional>
#include <vector>

#include "market/reasons.h"
#include "market/score.h"

namespace assay::market {

inline constexpr uint64_t kStakeShareCap = 20;  // 5 %

struct Candidate {
    OperatorId op{};
    Reason reason = Reason::kEligible;
    uint64_t price_floor = 0;
    uint64_t expected_ms = 0;  // 0 when the score is 0
    uint32_t price_time_class = 0;
    uint32_t reputation_class = 0;
    uint64_t draw_key = 0;
    size_t bid = 0;  // index into the bids given
};

// The first rule that excludes `bid`, or kEligible.
[[nodiscard]] Reason eligibility(const Request& request, const Bid& bid);

// Eligible candidates best first, then the excluded ones in the order given.
[[nodiscard]] std::vector<Candidate> rank(const Request& request, const std::vector<Bid>& bids);

// As rank(), with every eligible candidate after the first `wanted` marked kOutranked.
[[nodiscard]] std::vector<Candidate> select(const Request& request, const std::vector<Bid>& bids,
                                            size_t wanted);

// One price for all `chosen`: the highest of their floors (each at most the ceiling), and at least
// `at_least` (what earlier slots of the task already get). 0 for nobody.
[[nodiscard]] uint64_t clearing_price(const std::vector<Candidate>& chosen, uint64_t at_least);

}  // namespace assay::market
