// Reputation of an operator: agreements in checked tasks, in thousandths.
//
// Halves every 30 days, in steps; a dissent resets it; silence costs a third. Unchecked work never
// raises it. Threads: those of the context. Errors: none.
#pragma once

#include "contracts/context.h"

namespace assay::contracts {

inline constexpr uint64_t kReputationHalfLifeMs = 30ULL * 24 * 3600 * 1000;

// `agreements_milli` as of `now_ms`; the stored value decays only when it is next written.
[[nodiscard]] uint64_t decayed_agreements(const pb::Reputation& reputation, uint64_t now_ms);

void count_agreement(Context& context, const Address& owner);
void count_dissent(Context& context, const Address& owner);
void count_silence(Context& context, const Address& owner);  // missed commit or reveal
// The first since the last agreement is free.
void count_decline(Context& context, const Address& owner);
// True once `owner` left kMaxMissedAccepts offers in a row unanswered.
[[nodiscard]] bool count_missed_accept(Context& context, const Address& owner);
void count_accept(Context& context, const Address& owner);

}  // namespace assay::contracts
