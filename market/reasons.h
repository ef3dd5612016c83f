// Why a provider was not chosen: the first rule that excluded it, in the order they are checked.
//
// Numbers and names are stable (JSON-RPC market_explain, docs/error-codes.md). Threads: constants.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "market/score.h"

namespace assay::market {

enum class Reason : uint8_t {
    kEligible = 0,
    kInactive = 1,
    kSuspended = 2,
    kTombstoned = 3,
    kJailed = 4,
    kBondTooSmall = 5,
    kStakeTooYoung = 6,
    kNotOnAccessList = 7,
    kHasSlot = 8,
    kScoreTooLow = 9,
    kMemoryTooSmall = 10,
    kPriceAboveCeiling = 11,
    kDeadlineImpossible = 12,
    kCapacityFull = 13,
    kFreeStakeTooSmall = 14,
    kOutranked = 15,  // eligible, but enough others ranked higher
};

struct ReasonInfo {
    Reason reason;
    std::string_view name;
    std::string_view meaning;
    std::string_view remedy;
};

inline constexpr ReasonInfo kReasons[] = {
    {Reason::kEligible, "eligible", "every rule is met", "nothing to do"},
    {Reason::kInactive, "inactive", "the provider drains: it asked for no new slots",
     "send ProviderUpdate with active = true (assay provider run)"},
    {Reason::kSuspended, "suspended", "the provider was silent in an earlier slot",
     "check that it runs, then send ProviderUpdate with active = true"},
    {Reason::kTombstoned, "tombstoned", "the operator returned wrong results too often",
     "none: this identity gets no more slots"},
    {Reason::kJailed, "jailed", "the operator returned a wrong result",
     "run the self-test, wait for the end of the jail, then: assay provider unjail"},
    {Reason::kBondTooSmall, "bond_too_small", "the bond is below the chain's minimum",
     "bond more with StakeBond"},
    {Reason::kStakeTooYoung, "stake_too_young", "the bond is younger than the chain's minimum",
     "wait"},
    {Reason::kNotOnAccessList, "not_on_access_list", "the job admits only listed operators",
     "ask the requester to list this operator"},
    {Reason::kHasSlot, "has_slot", "one slot per operator per task, also after it ended",
     "nothing to do"},
    {Reason::kScoreTooLow, "score_too_low", "the measured score is below the job's minimum",
     "measure again with no other load, or lower the job's min_score"},
    {Reason::kMemoryTooSmall, "memory_too_small", "the task needs more memory",
     "use a device with more memory, or a smaller batch or model"},
    {Reason::kPriceAboveCeiling, "price_above_ceiling",
     "the price floor is above the job's ceiling",
     "lower the floor, or raise the job's price_ceiling"},
    {Reason::kDeadlineImpossible, "deadline_impossible",
     "at the measured score the task would end after the job's deadline",
     "post the job with a later deadline"},
    {Reason::kCapacityFull, "capacity_full", "every slot of the provider is in use",
     "wait, or raise capacity"},
    {Reason::kFreeStakeTooSmall, "free_stake_too_small",
     "the free stake does not cover this slot's exposure at the job's price ceiling",
     "bond more, or lower the job's price_ceiling"},
    {Reason::kOutranked, "outranked", "enough other providers ranked higher",
     "lower the price floor, or gain reputation"},
};

[[nodiscard]] constexpr const ReasonInfo& reason_info(Reason reason) {
    return kReasons[static_cast<size_t>(reason)];
}

// One sentence with the figures that decided, and the remedy.
[[nodiscard]] std::string explain(Reason reason, const Request& request, const Bid& bid);

}  // namespace assay::market
