#include "node/cli/job_file.h"

#include <nlohmann/json.hpp>

#include "node/blobs/blob_store.h"
#include "node/cli/report.h"
#include "node/core/config.h"

namespace assay::node {

using nlohmann::json;

namespace {
constexpr uint64_t kMaxJobFileBytes = 1 << 20;
}

json load_job_file(const std::string& file, const std::string& data, const GlobalOptions& globals) {
    const auto text = value_or_fail(globals, read_text(file, kMaxJobFileBytes));
    json spec = json::parse(text, nullptr, false);
    if (!spec.is_object()) {
        fail_command(globals, fail(Code::kInvalidArgument,
                                   file + " is not a JSON object. Remedy: see docs/job-spec.md"));
    }
    if (data.empty()) return spec;
    if (!std::filesystem::is_regular_file(data)) {
        fail_command(globals,
                     fail(Code::kNotFound, "--data " + data + " is not a file that can be read"));
    }
    const HomeLayout home{globals.home};
    auto blobs = value_or_fail(globals, BlobStore::open(home.blobs(), {}));
    const auto stored = value_or_fail(globals, blobs->put_file(data));
    blobs->pin(stored.root);
    spec["data"] = {{"root", "0x" + to_hex(stored.root)}, {"size", stored.size}};
    return spec;
}

}  // namespace assay::node
