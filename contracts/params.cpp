#include "contracts/params.h"

#include <string>

#include "base/bytes.h"
#include "ledger/codec/block.h"
#include "ledger/codec/canonical.h"

namespace assay::contracts {
namespace {

constexpr uint64_t kSecond = 1'000;
constexpr uint64_t kHour = 3600 * kSecond;
constexpr uint64_t kDay = 24 * kHour;
constexpr uint64_t kYear = 365 * kDay;
constexpr uint64_t kUnit = 1'000'000;  // one coin in micro-units
constexpr size_t kMaxParamsBytes = 1024;

struct Field {
    const char* name;
    uint64_t (*get)(const pb::Params&);
    void (*set)(pb::Params&, uint64_t);
    uint64_t fallback, low, high;
};

#define ASSAY_PARAM(name, fallback, low, high)                                             \
    Field {                                                                                \
#name, [](const pb::Params& p) { return static_cast<uint64_t>(p.name()); },              \
            [](pb::Params& p, uint64_t v) { p.set_##name(static_cast<decltype(p.name())>(v)); }, \
            fallback, low, high \
    }

// The slot's stake is at least 2 rewards, so that it covers both fines; at least half of a slash is
// burnt, so that no requester gains by being cheated on its own job.
const Field kFields[] = {
    ASSAY_PARAM(min_fee, 1'000, 1, kUnit* kUnit),
    ASSAY_PARAM(min_stake, 1'000 * kUnit, 1, kUnit* kUnit* kUnit),
    ASSAY_PARAM(min_stake_age_ms, kHour, 1, kYear),
    ASSAY_PARAM(unbond_delay_ms, 7 * kDay, 1, kYear),
    ASSAY_PARAM(jail_ms, kDay, 1, kYear),
    ASSAY_PARAM(tombstone_after, 3, 1, 1'000'000),
    ASSAY_PARAM(accept_ms, 10 * kSecond, 1, kDay),
    ASSAY_PARAM(commit_floor_ms, 60 * kSecond, 1, kDay),
    ASSAY_PARAM(reveal_ms, 30 * kSecond, 1, kDay),
    ASSAY_PARAM(dispute_ms, 4 * kSecond, 1, kDay),
    ASSAY_PARAM(final_factor, 10, 1, 1'000),
    ASSAY_PARAM(final_floor_ms, 600 * kSecond, 1, kYear),
    ASSAY_PARAM(slot_stake_factor, 8, 2, 1'000),
    ASSAY_PARAM(slash_burn_permille, 1'000, 500, 1'000),
    ASSAY_PARAM(no_commit_fine_permille, 100, 1, 1'000),
    ASSAY_PARAM(no_reveal_fine_permille, 1'000, 1, 2'000),
    ASSAY_PARAM(min_validator_stake, 10'000 * kUnit, kUnit, kUnit* kUnit* kUnit),
    ASSAY_PARAM(max_validators, 100, 1, ledger::kMaxValidators),
    ASSAY_PARAM(double_vote_slash_permille, 50, 1, 1'000),
    ASSAY_PARAM(upgrade_delay_blocks, 20'000, 1, 10'000'000),
};
#undef ASSAY_PARAM

}  // namespace

pb::Params default_params() {
    pb::Params params;
    for (const Field& field : kFields) field.set(params, field.fallback);
    return params;
}

Result<pb::Params> complete_params(const pb::Params& given) {
    pb::Params params = given;
    for (const Field& field : kFields) {
        if (field.get(params) == 0) field.set(params, field.fallback);
        const uint64_t value = field.get(params);
        if (value >= field.low && value <= field.high) continue;
        return fail(Code::kInvalidArgument, std::string("genesis params.") + field.name + " is " +
                                                std::to_string(value) + "; it must be from " +
                                                std::to_string(field.low) + " to " +
                                                std::to_string(field.high));
    }
    return params;
}

Result<pb::Params> params_from_genesis(std::string_view encoded) {
    ASSAY_ASSIGN(const pb::Params given, ledger::decode_canonical<pb::Params>(
                                             view_of(encoded), kMaxParamsBytes, "genesis params"));
    return complete_params(given);
}

}  // namespace assay::contracts
