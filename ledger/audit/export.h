// Writing a chain into an export file, from a running engine or a database at rest.
// Ownership: borrows the source. Threads: the engine may go on producing; the export ends at the
// height it had when the call began. Errors: the source's, kIo from the file.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "ledger/engine/engine.h"
#include "ledger/state/database.h"

namespace assay::ledger {

struct ExportSummary {
    uint64_t height = 0;
    Hash256 head_hash;
    Hash256 genesis_hash;
};

struct ExportedBlock {
    Bytes block;                // encoded
    std::vector<Bytes> events;  // encoded, as its producer's log has them
    Bytes certificate;          // encoded; empty where a producer signed the block
};

// The block of a height from 1 on; lets a remote node be the source.
using BlockSource = std::function<Result<ExportedBlock>(uint64_t height)>;

Result<ExportSummary> export_chain(const pb::Genesis& genesis, uint64_t height,
                                   const BlockSource& block_at, const std::string& path);
Result<ExportSummary> export_ledger(const Engine& engine, const std::string& path);
Result<ExportSummary> export_ledger(const Database& database, const std::string& path);

}  // namespace assay::ledger
