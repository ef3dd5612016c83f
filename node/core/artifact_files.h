// Data in and models out by HTTP, for those who have no home of their own: an uploaded file becomes
// an artifact of this node, an artifact a file to send.
//
// - POST /artifacts?kind=raw|tokens|csv&labelColumn=N gives {"root", "size", "kind"}; raw by
// default
// - GET /artifacts/ROOT gives its bytes
// - GET /artifacts/ROOT/model.safetensors, config.json, adapter_model.safetensors or
//   adapter_config.json gives that file of a checkpoint, as Hugging Face reads it
//
// Ownership: borrows the store; a file to send lives as long as its `keep`. Threads: any. Errors:
// as HTTP replies with {"error": {"code", "message"}}.
#pragma once

#include <mutex>

#include "node/blobs/blob_store.h"
#include "node/rpc/http_server.h"

namespace assay::node {

class ArtifactFiles {
public:
    // `folder` holds what is under way, on the store's disk; what a killed process left is removed.
    static Result<std::unique_ptr<ArtifactFiles>> open(BlobStore& blobs,
                                                       std::filesystem::path folder);
    [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

    // The file as an artifact, pinned.
    HttpReply take(const std::filesystem::path& file, std::string_view query);
    HttpFile give(std::string_view path);
    // Of what give() would send, where it is known without making the file: of whole artifacts.
    std::optional<uint64_t> size_of(std::string_view path) const;

private:
    ArtifactFiles(BlobStore& blobs, std::filesystem::path folder)
        : blobs_(blobs), folder_(std::move(folder)) {}
    BlobStore& blobs_;
    const std::filesystem::path folder_;
    std::mutex exporting_;  // one model at a time is in memory
};

}  // namespace assay::node
