// Replaying an export file from genesis: every frame, signature, root, result, app hash and law.
//
// Ownership: makes its own database in a fresh directory. Threads: one call at a time a directory;
// signatures are checked on several threads. Errors: the FIRST problem, as "height 17:
// header.app_hash: ..." (or "genesis: ...", "trailer.head_hash: ...", "file.digest: ..."); a
// hostile file can do no more than fail.
#pragma once

#include <string>

#include "ledger/audit/dispute.h"
#include "ledger/engine/engine.h"
#include "ledger/local_application.h"

namespace assay::ledger {

struct ReplayOptions {
    // Where the replayed database stays, for lineage and state queries; must be new or empty.
    // Empty: a temporary directory, removed at the end.
    std::string directory;
    unsigned threads = 0;                     // 0: one for each processor
    std::optional<Hash256> expected_genesis;  // refuse the export of another chain
    std::function<void(const CommittedBlock&)> on_block;
    std::function<void(BlockStage)> on_stage;  // one is over; for measurements
    // What the rules know to say about a signed block with another app hash than theirs.
    ExplainBlock explain;
};

struct ReplayReport {
    std::string chain_id;
    uint64_t height = 0;
    uint64_t transactions = 0;
    uint64_t events = 0;
    Hash256 genesis_hash;
    Hash256 head_hash;
    Hash256 app_hash;
};

Result<ReplayReport> replay_export(const std::string& path, const Rules& rules,
                                   const ReplayOptions& options = {});

}  // namespace assay::ledger
