// The chunk store of a home, for commands that only read it.
// Ownership: the caller owns the store. Threads: one. Errors: end the command through report.h.
#pragma once

#include <filesystem>
#include <memory>

#include "node/blobs/blob_store.h"
#include "node/cli/globals.h"

namespace assay::node {

// Opening a store that is not there would make one: this refuses instead. An empty folder is this
// home's store.
std::unique_ptr<BlobStore> open_existing_store(const std::filesystem::path& folder,
                                               const GlobalOptions& globals);

}  // namespace assay::node
