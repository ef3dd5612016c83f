// A block that its producer signed and the rules refuse: everything that an auditor needs to find
// out what the producer did instead.
//
// Ownership: borrows block and state for the call. Threads: one. Errors: those of execution.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "ledger/block_check.h"
#include "ledger/local_application.h"

namespace assay::ledger {

struct DisputedBlock {
    const pb::Block& block;
    const ReadView& before;
    State::Changes changes;         // as the rules give them
    std::vector<pb::Event> events;  // as the rules give them
    // The app hash that the block would have with these changes and events: whoever finds the ones
    // that give header.app_hash has proven what the producer did.
    std::function<Result<Hash256>(const State::Changes&, const std::vector<pb::Event>&)>
        app_hash_with;
};

// One sentence, or empty.
using ExplainBlock = std::function<std::string(const DisputedBlock&)>;

// Executes the block once more over the committed state and asks `explain`.
[[nodiscard]] Result<std::string> explain_block(const pb::Block& block, const ChainTip& tip,
                                                const Rules& rules, LocalApplication& app,
                                                const Database& database,
                                                const ExplainBlock& explain);

}  // namespace assay::ledger
