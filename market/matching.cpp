#include "market/matching.h"

#include <algorithm>
#include <tuple>

namespace assay::market {
namespace {

bool contains(const std::vector<OperatorId>& sorted, const OperatorId& op) {
    return std::binary_search(sorted.begin(), sorted.end(), op);
}

Reason identity_rule(const Request& request, const Bid& bid) {
    if (!bid.active) return Reason::kInactive;
    if (bid.suspended) return Reason::kSuspended;
    if (bid.tombstoned) return Reason::kTombstoned;
    if (bid.jailed) return Reason::kJailed;
    if (bid.bonded < request.min_bond) return Reason::kBondTooSmall;
    if (bid.stake_since_ms > request.now_ms ||
        request.now_ms - bid.stake_since_ms < request.min_stake_age_ms) {
        return Reason::kStakeTooYoung;
    }
    if (!request.allowed.empty() && !contains(request.allowed, bid.op))
        return Reason::kNotOnAccessList;
    return contains(request.taken, bid.op) ? Reason::kHasSlot : Reason::kEligible;
}

Reason capability_rule(const Request& request, const Bid& bid) {
    if (bid.score == 0 || bid.score < request.min_score) return Reason::kScoreTooLow;
    if (bid.memory_mb < request.min_memory_mb) return Reason::kMemoryTooSmall;
    if (bid.price_floor > request.price_ceiling) return Reason::kPriceAboveCeiling;
    if (request.now_ms >= request.deadline_ms ||
        expected_ms(request.work_units, bid.score) > request.deadline_ms - request.now_ms) {
        return Reason::kDeadlineImpossible;
    }
    if (bid.busy >= bid.capacity) return Reason::kCapacityFull;
    return bid.free_stake < request.required_stake ? Reason::kFreeStakeTooSmall : Reason::kEligible;
}

// No identity gains from gathering more than this much stake.
uint64_t weight_cap(const std::vector<Candidate>& candidates, const std::vector<Bid>& bids) {
    unsigned __int128 total = 0;
    for (const Candidate& candidate : candidates)
        if (candidate.reason == Reason::kEligible) total += bids[candidate.bid].bonded;
    return std::max<uint64_t>(1, static_cast<uint64_t>(total / kStakeShareCap));
}

}  // namespace

Reason eligibility(const Request& request, const Bid& bid) {
    const Reason reason = identity_rule(request, bid);
    return reason == Reason::kEligible ? capability_rule(request, bid) : reason;
}

std::vector<Candidate> rank(const Request& request, const std::vector<Bid>& bids) {
    std::vector<Candidate> candidates(bids.size());
    for (size_t i = 0; i < bids.size(); ++i) {
        const Bid& bid = bids[i];
        Candidate& candidate = candidates[i];
        candidate.op = bid.op;
        candidate.bid = i;
        candidate.reason = eligibility(request, bid);
        candidate.price_floor = bid.price_floor;
        candidate.reputation_class = reputation_class(bid.reputation_milli);
        if (bid.score == 0) continue;
        candidate.expected_ms = expected_ms(request.work_units, bid.score);
        candidate.price_time_class = price_time_class(bid.price_floor, bid.score);
    }
    const uint64_t cap = weight_cap(candidates, bids);
    for (Candidate& candidate : candidates) {
        const Bid& bid = bids[candidate.bid];
        candidate.draw_key = draw_key(bid.draw, bid.bonded, cap);
    }
    const auto excluded =
        std::stable_partition(candidates.begin(), candidates.end(),
                              [](const Candidate& c) { return c.reason == Reason::kEligible; });
    std::sort(candidates.begin(), excluded, [](const Candidate& a, const Candidate& b) {
        // Reputation is compared b to a: more of it comes first.
        return std::tie(a.price_time_class, b.reputation_class, a.draw_key, a.op) <
               std::tie(b.price_time_class, a.reputation_class, b.draw_key, b.op);
    });
    return candidates;
}

std::vector<Candidate> select(const Request& request, const std::vector<Bid>& bids, size_t wanted) {
    std::vector<Candidate> candidates = rank(request, bids);
    for (size_t i = wanted; i < candidates.size(); ++i)
        if (candidates[i].reason == Reason::kEligible) candidates[i].reason = Reason::kOutranked;
    return candidates;
}

uint64_t clearing_price(const std::vector<Candidate>& chosen, uint64_t at_least) {
    uint64_t price = chosen.empty() ? 0 : at_least;
    for (const Candidate& candidate : chosen) price = std::max(price, candidate.price_floor);
    return price;
}

}  // namespace assay::market
