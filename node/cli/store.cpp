#include "node/cli/store.h"

#include "node/cli/report.h"
#include "node/core/config.h"

namespace assay::node {

std::unique_ptr<BlobStore> open_existing_store(const std::filesystem::path& folder,
                                               const GlobalOptions& globals) {
    const auto place = folder.empty() ? HomeLayout{globals.home}.blobs() : folder;
    if (!std::filesystem::is_directory(place / "chunks")) {
        fail_command(globals, fail(Code::kNotFound, place.string() +
                                                        " is no chunk store. Remedy: --home (or "
                                                        "--blobs) of a node that has the data"));
    }
    return value_or_fail(globals, BlobStore::open(place, {}));
}

}  // namespace assay::node
