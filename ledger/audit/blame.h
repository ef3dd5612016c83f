// Which field of a bad block is at fault? A failed check often shows only that two things disagree;
// this finds the one that changed, given that at most one did.
//
// What is signed is trusted over what is not; the header that the next block (or the trailer)
// points to is the right one; a header field whose expected value makes the signature valid was the
// one that changed. Ownership: borrows. Threads: none; uses the application's finalize_block.
// Errors: always returns one, whose message starts with the field.
#pragma once

#include "ledger/block_check.h"

namespace assay::ledger {

struct SuspectBlock {
    const pb::Block& block;
    ChainTip tip;  // before it
    // The hash that its header should have, when something later tells.
    std::optional<Hash256> expected_hash;
};

[[nodiscard]] Error blame_field(const Error& first, const SuspectBlock& suspect, Application& app);

}  // namespace assay::ledger
