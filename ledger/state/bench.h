// Measures the state on this machine: how long a block's tree and its write take at a given number
// of accounts. Used by `assay bench ledger`; not part of consensus.
//
// Ownership: creates the ledger in `directory`, which must not exist yet, and leaves it for the
// caller to remove. Threads: one. Errors: kAlreadyExists, and those of Database.
#pragma once

#include <string>

#include "base/result.h"

namespace assay::ledger {

struct StateBenchOptions {
    std::string directory;
    uint64_t accounts = 1'000'000;      // 32-byte values under 21-byte keys
    uint32_t updates_per_block = 1000;  // to accounts spread over all of them
    uint32_t events_per_block = 1000;   // of 100 bytes
    uint32_t blocks = 50;
    bool sync = true;
};

// Means per block, in microseconds, after a warm-up of a tenth of the blocks.
struct StateBenchFigures {
    uint64_t load_us = 0;     // total: creating the accounts
    uint64_t prepare_us = 0;  // hashing, tree and log
    uint64_t commit_us = 0;   // the one batch, including fsync with sync
    uint64_t slowest_us = 0;  // slowest block, prepare and commit together
    uint64_t blocks = 0;      // measured
};

[[nodiscard]] Result<StateBenchFigures> bench_state(const StateBenchOptions& options);

}  // namespace assay::ledger
