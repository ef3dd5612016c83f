// What did a producer do whose signed block is not the one that the rules give? Names payments that
// went to another account, with the accounts and the amount, and votes that were judged otherwise.
//
// The file holds no balances, but the header's app hash commits to all of them: each payment due in
// the block is tried on every other account, each slot's state on every other verdict, and what
// gives the header's hash is proven, not guessed. Ownership: none. Threads: pure. Errors: none;
// says what was tried when nothing fits.
#pragma once

#include <string>

#include "ledger/audit/dispute.h"

namespace assay::node {

inline constexpr size_t kMaxTrials = 10'000;  // app hashes computed for one block and question

[[nodiscard]] std::string explain_block(const ledger::DisputedBlock& disputed);

}  // namespace assay::node
