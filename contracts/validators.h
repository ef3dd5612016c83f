// Validators: operators whose bond is voting power over the order of blocks (CometBFT).
//
// Power is the bond in whole units; 0 below params.min_validator_stake and for the tombstoned. The
// params.max_validators strongest order the blocks, equals by address. A set that would become
// empty stays as it was. Who votes twice loses params.double_vote_slash_permille of bond and
// unbondings, as far as no slot locks it, all of it burnt, and is tombstoned. Threads: those of the
// context. Errors: TxCode per rule.
#pragma once

#include <functional>

#include "contracts/context.h"

namespace assay::contracts {

inline constexpr uint64_t kPowerUnit = 1'000'000;  // micro-units of stake

struct ValidatorRegisterRule {
    using Message = pb::ValidatorRegister;
    static Status preflight(const pb::ValidatorRegister& message);
    static TxCode apply(Context& context, const pb::ValidatorRegister& message);
};
struct ValidatorLeaveRule {
    using Message = pb::ValidatorLeave;
    static Status preflight(const pb::ValidatorLeave& message);
    static TxCode apply(Context& context, const pb::ValidatorLeave& message);
};

[[nodiscard]] uint64_t validator_power(const pb::Stake& stake, const pb::Params& params);

// The only way to write a stake: keeps its rank among the validators.
void save_stake(Store& store, const Address& owner, const pb::Stake& stake);

// The genesis's validators, each with its bond. kInvalidArgument or kLimit.
Status add_genesis_validators(Store& store, const pb::Genesis& genesis);
// Before the other work of a block's end.
void punish_double_votes(Context& context);
// After it: writes the new set where a power changed.
void update_validator_set(Context& context);

// Operators with power, most power first, until visit returns false.
void for_each_ranked(
    const Reader& reader,
    const std::function<bool(const Address& owner, const pb::Stake& stake, uint64_t power)>& visit);
// Who should order blocks now, ascending by key. At most params.max_validators.
[[nodiscard]] pb::ValidatorSet strongest_validators(const Reader& reader);

}  // namespace assay::contracts
