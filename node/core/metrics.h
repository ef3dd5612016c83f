// The node's own Prometheus metrics; the RPC server appends its counters.
//
// Free function over borrowed parts; thread-safe. Errors: none.
#pragma once

#include <string>

#include "ledger/engine/engine.h"
#include "node/blobs/blob_store.h"

namespace assay::node {

std::string metrics_text(const ledger::Engine& engine, const ledger::Application& application,
                         const BlobStore& blobs, size_t missing_artifacts, size_t live_slots);

}  // namespace assay::node
