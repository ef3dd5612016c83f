// The 32 bytes that bind a height: app_hash = SHA256(0x02 || state_root || log_root ||
// be64 log_size || params_hash).
//
// Ownership and threads: plain values. Errors: none. Format: docs/formats/state.md.
#pragma once

#include "base/bytes.h"

namespace assay::ledger {

struct AppHashParts {
    Hash256 state_root;
    Hash256 log_root;
    uint64_t log_size = 0;
    Hash256 params_hash;
    bool operator==(const AppHashParts&) const = default;
};

[[nodiscard]] Hash256 app_hash_of(const AppHashParts& parts);

}  // namespace assay::ledger
