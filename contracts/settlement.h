// Money at the end of a slot: payment from escrow, fines, slashes, release of stake.
//
// Threads: those of the context. Errors: none; escrow covers n_max rewards of every task, and a
// slot locks more than its fines.
#pragma once

#include "contracts/context.h"

namespace assay::contracts {

// The slot leaves the device (if it was on it) and what stake it still locks is free again.
void release_slot(Context& context, const pb::Task& task, pb::Slot& slot, pb::SlotState end);
// The slot leaves the device; its stake stays locked for the dispute window.
void judge_slot(Context& context, pb::Slot& slot, pb::SlotState verdict);

// Silence: a fine of permille / 1000 of the reward, suspension, reputation; then released.
void fine_slot(Context& context, const pb::Job& job, const pb::Task& task, pb::Slot& slot,
               uint64_t permille, pb::SlotState end);

// A committed slot did not reveal while others did: it leaves the device, but its stake stays
// locked until the vote is decided. With a majority it loses what a dissenter loses; without one it
// pays the no-show fine.
void withhold_slot(Context& context, pb::Slot& slot);
[[nodiscard]] inline bool is_withheld(const pb::Slot& slot) {
    return slot.state() == pb::SLOT_NO_REVEAL && slot.stake() > 0;
}

// Pays agreeing slots, slashes dissenting and withheld ones. The task is TALLIED and becomes FINAL.
void settle_task(Context& context, pb::Job& job, pb::Task& task);

// Releases every slot without pay. The task becomes `end` (EXPIRED, UNDECIDED).
void abandon_task(Context& context, const pb::Job& job, pb::Task& task, pb::TaskState end);

// Pays r to the slots that had bound themselves to a result; time alone proves no work, least of
// all on a score that the provider declared itself. The task becomes CANCELLED.
void cancel_task(Context& context, pb::Job& job, pb::Task& task);

// Escrow goes back to the requester.
void refund_escrow(Context& context, pb::Job& job);

}  // namespace assay::contracts
