// Plain structs of the market and the integer measures that order bids.
//
// A bid is a provider's standing offer with what the ledger knows about it; a request is one open
// task. Ownership: plain values. Threads: pure functions. Errors: none; a score of 0 never reaches
// the measures, because eligibility refuses it first. Consensus code: integers only.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace assay::market {

using OperatorId = std::array<uint8_t, 20>;

struct Bid {
    OperatorId op{};
    bool active = false;
    bool suspended = false;
    bool jailed = false;
    bool tombstoned = false;
    uint64_t price_floor = 0;  // micro-units per work unit
    uint64_t score = 0;        // milli work units per second of one slot
    uint64_t memory_mb = 0;
    uint32_t capacity = 0;  // slots at a time
    uint32_t busy = 0;
    uint64_t bonded = 0;      // free + locked
    uint64_t free_stake = 0;  // what may still be locked
    uint64_t stake_since_ms = 0;
    uint64_t reputation_milli = 0;  // decayed agreements
    uint64_t draw = 0;              // uniform; from the beacon, the task and the operator
};

struct Request {
    uint64_t work_units = 0;
    uint64_t price_ceiling = 0;  // micro-units per work unit
    uint64_t min_score = 0;
    uint64_t min_memory_mb = 0;
    uint64_t now_ms = 0;
    uint64_t deadline_ms = 0;         // absolute
    uint64_t required_stake = 0;      // locked per slot, at the price ceiling
    uint64_t min_bond = 0;            // an operator is an identity with this bond ...
    uint64_t min_stake_age_ms = 0;    // ... of this age
    std::vector<OperatorId> allowed;  // sorted; empty = everyone
    std::vector<OperatorId> taken;    // sorted; had a slot in this task already
};

// Time for `work_units` at `score`, rounded up, in ms. Saturates at 2^63 - 1. score > 0.
[[nodiscard]] uint64_t expected_ms(uint64_t work_units, uint64_t score);

// Price x expected time of a work unit on a scale of eighths of an octave (steps of about 9 %), so
// that near-equal offers tie and reputation and chance decide between them. score > 0.
[[nodiscard]] uint32_t price_time_class(uint64_t price_floor, uint64_t score);

// 0 below one agreement, then one class per doubling, at most kMaxReputationClass.
inline constexpr uint32_t kMaxReputationClass = 10;
[[nodiscard]] uint32_t reputation_class(uint64_t reputation_milli);

// log2(x) in units of 2^-32, exact to the last bit below (repeated squaring). x > 0.
[[nodiscard]] uint64_t log2_q32(uint64_t x);

// Weighted draw without replacement (Efraimidis and Spirakis 2006): ascending order of -log(u) / w
// picks each operator with a chance proportional to its weight. Weights count in 65536ths of `cap`,
// at least one; a weight above the cap counts as the cap. `cap` > 0.
[[nodiscard]] uint64_t draw_key(uint64_t draw, uint64_t weight, uint64_t cap);

}  // namespace assay::market
