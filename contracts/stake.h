// Stake: bond, delayed unbond, locks of slots, slashing, jail and tombstone.
//
// A bond is free or locked in a slot; only the free part can be unbonded or locked again, so a
// slash always finds the locked amount. Slashed stake: at least half is burnt, the rest goes to the
// requester, never to the voters; on a closed job all of it is burnt. Threads: those of the
// context. Errors: TxCode per rule.
#pragma once

#include "contracts/context.h"

namespace assay::contracts {

struct StakeBondRule {
    using Message = pb::StakeBond;
    static Status preflight(const pb::StakeBond& message);
    static TxCode apply(Context& context, const pb::StakeBond& message);
};
struct StakeUnbondRule {
    using Message = pb::StakeUnbond;
    static Status preflight(const pb::StakeUnbond& message);
    static TxCode apply(Context& context, const pb::StakeUnbond& message);
};
struct StakeUnjailRule {
    using Message = pb::StakeUnjail;
    static Status preflight(const pb::StakeUnjail& message);
    static TxCode apply(Context& context, const pb::StakeUnjail& message);
};

// Pays out the unbondings whose delay is over.
void release_unbondings(Context& context);

// `amount` of the operator's free stake becomes the slot's; the caller has checked that it is
// there.
void lock_slot(Context& context, ByteView task_id, pb::Slot& slot, uint64_t amount);
// What the slot still locks becomes free again.
void unlock_slot(Context& context, ByteView task_id, pb::Slot& slot);
// Takes at most `amount` of what the slot locks; the rest of the lock stays.
void slash_slot(Context& context, const pb::Job& job, const pb::Task& task, pb::Slot& slot,
                uint64_t amount, std::string_view reason);
// The requester picked the operators, so a majority may be its own: nobody gains from a slash, and
// a lost vote proves nothing (docs/decisions/0010).
[[nodiscard]] inline bool is_closed(const pb::Job& job) {
    return job.spec().terms().allowed_operators_size() > 0;
}
void jail(Context& context, const Address& owner);
// Counts a final wrong result; tombstones at params.tombstone_after.
void count_wrong_result(Context& context, const Address& owner);

[[nodiscard]] inline bool is_jailed(const pb::Stake& stake) {
    return stake.jailed_until_ms() != 0;
}

}  // namespace assay::contracts
