// Is a block the valid next one? The checks that a follower and an auditor share: those that need
// only the block and its predecessor, and those that need the outcome of executing it.
//
// Ownership: values only. Threads: pure functions. Errors: kCorrupt with a message that starts with
// the field at fault, as in "header.app_hash: ...".
#pragma once

#include "ledger/application.h"

namespace assay::ledger {

// The block that the next one builds on; zeros before the first.
struct ChainTip {
    uint64_t height = 0;
    uint64_t time_ms = 0;
    Hash256 hash;  // of the header
};

// "header.app_hash" of the error "header.app_hash: ...".
[[nodiscard]] std::string_view field_of(const Error& error);

[[nodiscard]] ChainTip tip_of(const pb::BlockHeader& header);
// Height 0: time from the genesis document.
[[nodiscard]] ChainTip genesis_tip(const pb::Genesis& genesis);
[[nodiscard]] ProposedBlock proposal_of(const pb::Block& block, const ChainTip& tip);
// What the rules learn of it.
[[nodiscard]] BlockInfo info_of(const ProposedBlock& proposal, const pb::Genesis& genesis,
                                uint32_t app_version);
// Its place in the chain: height, and what it takes from the block before.
[[nodiscard]] ProposedBlock proposal_after(const ChainTip& tip);

// Header fields with a known value, time order, both roots against the contents, and the signature.
// `app_version`: what the state before the block says of its rules.
Status check_before_execution(const pb::Block& block, const ChainTip& tip,
                              const pb::Genesis& genesis, uint32_t app_version);
// The results, each of an included code, and the app hash.
Status check_after_execution(const pb::Block& block, const FinalizedBlock& executed);

}  // namespace assay::ledger
