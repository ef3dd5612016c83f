// Content-addressed chunk store: artifacts as 1 MiB chunks named by hash, in a folder
// (docs/formats/artifact.md).
//
//   chunks/<aa>/<leaf hash>    one chunk          manifests/<root>    encoded Manifest pins/<root>
//   empty
//
// A chunk or manifest becomes visible only after it was checked, by rename, so several processes
// may share a folder. Every path is built from hexadecimal hashes. Ownership: no open files.
// Threads: all methods. Errors: kNotFound, kCorrupt (a damaged chunk is named, removed and from
// then on missing), kLimit, kIo.
#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "compute/checkpoint/artifact.h"

namespace assay::node {

struct StoredArtifact {
    Hash256 root;
    uint64_t size = 0;
};

struct BlobOptions {
    uint64_t limit_bytes = uint64_t{20}
                           << 30;  // unpinned artifacts beyond it are evicted, oldest use first
};

class BlobStore {
public:
    static Result<std::unique_ptr<BlobStore>> open(const std::filesystem::path& folder,
                                                   const BlobOptions& options);

    Result<StoredArtifact> put_file(const std::filesystem::path& file);
    Result<StoredArtifact> put_bytes(ByteView bytes);

    // Complete: manifest and every chunk.
    [[nodiscard]] bool has(const Hash256& root) const;
    [[nodiscard]] Result<compute::Manifest> manifest(const Hash256& root) const;
    // Indices of chunks not here; kNotFound without the manifest.
    [[nodiscard]] Result<std::vector<uint32_t>> missing_chunks(const Hash256& root) const;
    Status put_manifest(const Hash256& root, const compute::Manifest& manifest);
    Status put_chunk(const Hash256& root, uint32_t index, ByteView data);
    [[nodiscard]] Result<Bytes> read_chunk(const Hash256& root, uint32_t index) const;

    // The whole artifact, verified, into a file (replaced whole) or into memory.
    Status materialise(const Hash256& root, const std::filesystem::path& file) const;
    [[nodiscard]] Result<Bytes> get_bytes(const Hash256& root, uint64_t limit_bytes) const;

    void pin(const Hash256& root);
    Status remove(const Hash256& root);
    [[nodiscard]] std::vector<StoredArtifact> list() const;
    [[nodiscard]] uint64_t usage_bytes() const;

private:
    BlobStore(std::filesystem::path folder, const BlobOptions& options)
        : folder_(std::move(folder)), options_(options) {}
    [[nodiscard]] std::filesystem::path chunk_path(const Hash256& leaf) const;
    [[nodiscard]] std::filesystem::path manifest_path(const Hash256& root) const;
    [[nodiscard]] std::filesystem::path pin_path(const Hash256& root) const;
    [[nodiscard]] Result<Bytes> read_leaf(const Hash256& root, uint32_t index, const Hash256& leaf,
                                          uint64_t size) const;
    Status write_leaf(const Hash256& leaf, ByteView data);
    Status evict();

    const std::filesystem::path folder_;
    const BlobOptions options_;
    std::mutex evict_mutex_;
};

}  // namespace assay::node
