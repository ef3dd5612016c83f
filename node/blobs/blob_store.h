// Content-addressed chunk store: artifacts as 1 MiB chunks named by hash, in a folder
// (docs/formats/artifact.md).
//
//   chunks/<aa>/<leaf hash>   one chunk              manifests/<root>   encoded Manifest
//   pins/<root>               empty: never evicted   tmp/, lock         writes under way
//
// A chunk or manifest becomes visible only after it was checked, by rename, and what removes chunks
// excludes what writes them, so several processes may share a folder. Every path is built from
// hexadecimal hashes. Ownership: no open files between calls. Threads: all methods. Errors:
// kNotFound, kCorrupt (a damaged chunk is named, removed and from then on missing), kLimit, kIo.
#pragma once

#include <filesystem>
#include <map>
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

// Of chunk `index`, which must be below the manifest's number of chunks: 1 MiB but for the last.
inline uint64_t chunk_size(const compute::Manifest& manifest, uint32_t index) {
    const uint64_t begin = uint64_t{index} * compute::kChunkBytes;
    return manifest.size - begin < compute::kChunkBytes ? manifest.size - begin
                                                        : compute::kChunkBytes;
}

struct BlobOptions {
    // Unpinned artifacts beyond it are evicted, oldest use first. Pinned ones may exceed it.
    uint64_t limit_bytes = uint64_t{20} << 30;
};

class BlobStore {
public:
    static Result<std::unique_ptr<BlobStore>> open(const std::filesystem::path& folder,
                                                   const BlobOptions& options);

    // Reads the file once, a chunk at a time; kLimit when it or the store's limit is exceeded.
    Result<StoredArtifact> put_file(const std::filesystem::path& file,
                                    uint64_t limit_bytes = compute::kMaxArtifactBytes);
    Result<StoredArtifact> put_bytes(ByteView bytes);

    // Complete: manifest and every chunk.
    [[nodiscard]] bool has(const Hash256& root) const;
    [[nodiscard]] Result<compute::Manifest> manifest(const Hash256& root) const;
    // Indices of chunks not here; kNotFound without the manifest.
    [[nodiscard]] Result<std::vector<uint32_t>> missing_chunks(const Hash256& root) const;
    // For artifacts that arrive in pieces: the manifest first, then its chunks in any order.
    Status put_manifest(const Hash256& root, const compute::Manifest& manifest);
    Status put_chunk(const Hash256& root, uint32_t index, ByteView data);
    [[nodiscard]] Result<Bytes> read_chunk(const Hash256& root, uint32_t index) const;

    // The whole artifact, verified, into a file (replaced whole) or into memory.
    Status materialise(const Hash256& root, const std::filesystem::path& file) const;
    [[nodiscard]] Result<Bytes> get_bytes(const Hash256& root, uint64_t limit_bytes) const;

    // A pinned artifact is never evicted; it may be pinned before it is here.
    void pin(const Hash256& root);
    void unpin(const Hash256& root);
    [[nodiscard]] bool pinned(const Hash256& root) const;
    Status remove(const Hash256& root);
    [[nodiscard]] std::vector<StoredArtifact> list() const;
    [[nodiscard]] uint64_t usage_bytes() const;  // of chunk files on disk

private:
    using ManifestPtr = std::shared_ptr<const compute::Manifest>;
    using ChunkUses = std::map<Hash256, uint32_t>;  // manifests that name a chunk

    BlobStore(std::filesystem::path folder, const BlobOptions& options)
        : folder_(std::move(folder)), options_(options) {}
    [[nodiscard]] std::filesystem::path chunk_path(const Hash256& leaf) const;
    [[nodiscard]] std::filesystem::path manifest_path(const Hash256& root) const;
    [[nodiscard]] std::filesystem::path pin_path(const Hash256& root) const;
    [[nodiscard]] std::filesystem::path lock_path() const { return folder_ / "lock"; }
    [[nodiscard]] std::filesystem::path temporary_folder() const { return folder_ / "tmp"; }

    [[nodiscard]] Result<ManifestPtr> find(const Hash256& root) const;
    [[nodiscard]] Result<Bytes> read_leaf(const Hash256& root, uint32_t index,
                                          const compute::Manifest& manifest) const;
    void touch(const Hash256& root) const;
    [[nodiscard]] Status check_size(uint64_t size, const std::string& what) const;
    Status write_leaf(const Hash256& leaf, ByteView data);
    Status write_manifest(const Hash256& root, const compute::Manifest& manifest);
    Status evict(const Hash256& keep, uint64_t added_bytes);
    [[nodiscard]] uint64_t missing_bytes(const Hash256& root) const;
    [[nodiscard]] ChunkUses count_uses() const;
    void remove_orphans(const ChunkUses& uses);
    uint64_t remove_locked(const Hash256& root, ChunkUses& uses);  // bytes freed

    const std::filesystem::path folder_;
    const BlobOptions options_;

    mutable std::mutex cache_mutex_;
    // The manifests used last, newest at the back; guarded by cache_mutex_.
    mutable std::vector<std::pair<Hash256, ManifestPtr>> cache_;

    std::mutex evict_mutex_;
    // Guarded by evict_mutex_: what the last look at the folder found, and what was put since.
    bool measured_ = false;
    uint64_t measured_bytes_ = 0;
    uint64_t added_bytes_ = 0;
};

}  // namespace assay::node
