// The RFC 6962 (section 2.1) Merkle tree hash of a list of byte strings held in memory; roots of a
// block's transactions and results. The growing event log is ledger/state/log.h.
// Threads: pure. Errors: none; the root of the empty list is SHA-256 of nothing.
#pragma once

#include <vector>

#include "base/bytes.h"

namespace assay::ledger {

[[nodiscard]] Hash256 merkle_root(const std::vector<ByteView>& leaves);

}  // namespace assay::ledger
