// What one committed height fixed, and what is needed to recompute its app hash.
//
// Ownership and threads: plain values. Errors: decoding returns kCorrupt for any other length or
// format byte. Format: docs/formats/state.md.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "ledger/state/app_hash.h"

namespace assay::ledger {

struct CommitRecord {
    uint64_t height = 0;
    AppHashParts parts;         // state_root, log_root, log_size, params_hash
    Hash256 app_hash;           // app_hash_of(parts); not stored
    uint64_t tree_version = 0;  // height of the block that wrote the current tree root
};

[[nodiscard]] Bytes encode_commit_record(const CommitRecord& record);
[[nodiscard]] Result<CommitRecord> decode_commit_record(ByteView bytes);

}  // namespace assay::ledger
