// A second, independent count of every vote and payment, from the slots that the ledger records.
//
// The rules count votes when they tally; this counts them again in a few lines that share no code
// with them, so that a mistake (or a lie) in the one is seen by the other. Pure; thread-safe.
// Errors: kCorrupt naming the task and the slot.
#pragma once

#include "base/result.h"
#include "contracts.pb.h"
#include "ledger/state/view.h"

namespace assay::node {

// Every task of every job.
Status check_votes(const ledger::ReadView& state);
// One task: a final task's output has a strict majority of its replicas; those who agreed and only
// those were paid the price; nobody who dissented was paid or left unslashed.
Status check_task_votes(const pb::Task& task);

}  // namespace assay::node
