#include "market/reasons.h"

namespace assay::market {
namespace {

std::string compared(std::string_view what, uint64_t actual, std::string_view rule,
                     uint64_t required, std::string_view unit) {
    return std::string(what) + " " + std::to_string(actual) + " " + std::string(rule) + " " +
           std::to_string(required) + " " + std::string(unit);
}

std::string figures(Reason reason, const Request& request, const Bid& bid) {
    switch (reason) {
        case Reason::kBondTooSmall:
            return compared("bonded", bid.bonded, "<", request.min_bond, "micro-units");
        case Reason::kStakeTooYoung:
            return compared("bonded at", bid.stake_since_ms, "+", request.min_stake_age_ms,
                            "ms is still to come");
        case Reason::kScoreTooLow:
            return compared("score", bid.score, "<", request.min_score == 0 ? 1 : request.min_score,
                            "milli work units per second");
        case Reason::kMemoryTooSmall:
            return compared("memory", bid.memory_mb, "<", request.min_memory_mb, "MiB");
        case Reason::kPriceAboveCeiling:
            return compared("floor", bid.price_floor, ">", request.price_ceiling,
                            "micro-units per work unit");
        case Reason::kDeadlineImpossible:
            return compared(
                "needs", expected_ms(request.work_units, bid.score), "ms of",
                request.deadline_ms > request.now_ms ? request.deadline_ms - request.now_ms : 0,
                "ms left");
        case Reason::kCapacityFull:
            return compared("busy", bid.busy, "of", bid.capacity, "slots");
        case Reason::kFreeStakeTooSmall:
            return compared("free stake", bid.free_stake, "<", request.required_stake,
                            "micro-units");
        default:
            return {};
    }
}

}  // namespace

std::string explain(Reason reason, const Request& request, const Bid& bid) {
    const ReasonInfo& info = reason_info(reason);
    const std::string numbers = figures(reason, request, bid);
    return std::string(info.meaning) + (numbers.empty() ? "" : " (" + numbers + ")") + "; " +
           std::string(info.remedy);
}

}  // namespace assay::market
