// What removes artifacts from the store: remove() and eviction.
#include <algorithm>
#include <tuple>

#include "node/blobs/blob_store.h"
#include "node/blobs/folder.h"

namespace assay::node {
namespace {

namespace fs = std::filesystem;

// The folder is measured again after this share of the limit was put, because other processes may
// write to it too.
constexpr uint64_t kMeasureShare = 16;

}  // namespace

uint64_t BlobStore::missing_bytes(const Hash256& root) const {
    const auto manifest = find(root);
    const auto missing = missing_chunks(root);
    uint64_t bytes = 0;
    for (size_t i = 0; manifest.ok() && missing.ok() && i < missing->size(); ++i) {
        bytes += chunk_size(**manifest, (*missing)[i]);
    }
    return bytes;
}

BlobStore::ChunkUses BlobStore::count_uses() const {
    ChunkUses uses;
    for (const auto& artifact : list()) {
        const auto manifest = find(artifact.root);
        if (!manifest.ok()) continue;
        for (const auto& leaf : (*manifest)->chunks) uses[leaf] += 1;
    }
    return uses;
}

// Chunks are shared between artifacts: a file goes with the last manifest that names it.
uint64_t BlobStore::remove_locked(const Hash256& root, ChunkUses& uses) {
    const auto doomed = find(root);
    std::error_code error;
    fs::remove(pin_path(root), error);
    fs::remove(manifest_path(root), error);
    if (!doomed.ok()) return 0;
    uint64_t freed = 0;
    for (const auto& leaf : (*doomed)->chunks) {
        const auto used = uses.find(leaf);
        if (used == uses.end() || --used->second > 0) continue;
        uses.erase(used);
        const auto path = chunk_path(leaf);
        const auto size = fs::file_size(path, error);
        if (!error && fs::remove(path, error)) freed += size;
    }
    return freed;
}

// Left by a process that ended between its chunks and its manifest.
void BlobStore::remove_orphans(const ChunkUses& uses) {
    std::error_code error;
    std::vector<fs::path> orphans;
    for (const auto& entry : fs::recursive_directory_iterator(folder_ / "chunks", error)) {
        const auto leaf = hash_named(entry.path());
        if (leaf && !uses.contains(*leaf)) orphans.push_back(entry.path());
    }
    for (const auto& path : orphans) fs::remove(path, error);
}

Status BlobStore::remove(const Hash256& root) {
    ASSAY_ASSIGN(const auto lock, FolderLock::exclusive(lock_path()));
    if (const auto doomed = find(root); !doomed.ok()) return doomed.error();
    auto uses = count_uses();
    remove_locked(root, uses);
    return {};
}

Status BlobStore::evict(const Hash256& keep, uint64_t added_bytes) {
    const std::lock_guard guard(evict_mutex_);
    added_bytes_ += added_bytes;
    const bool fits = measured_bytes_ + added_bytes_ <= options_.limit_bytes;
    const bool all_pinned = measured_bytes_ > options_.limit_bytes;  // as of the last look
    if (measured_ && (fits || all_pinned) && added_bytes_ <= options_.limit_bytes / kMeasureShare) {
        return {};
    }
    // While somebody writes, what they have put cannot be told from orphans: the next put tries
    // again.
    const auto lock = FolderLock::try_exclusive(lock_path());
    if (!lock) return {};
    measured_ = true;
    added_bytes_ = 0;
    const uint64_t expected = missing_bytes(keep);  // chunks that are still to come
    measured_bytes_ = usage_bytes() + expected;
    if (measured_bytes_ <= options_.limit_bytes) return {};

    auto uses = count_uses();
    remove_orphans(uses);
    measured_bytes_ = usage_bytes() + expected;
    struct Candidate {
        fs::file_time_type used;
        Hash256 root;
        bool operator<(const Candidate& other) const {
            return std::tie(used, root) < std::tie(other.used, other.root);
        }
    };
    std::vector<Candidate> candidates;
    std::error_code error;
    for (const auto& artifact : list()) {
        if (artifact.root == keep || pinned(artifact.root)) continue;
        candidates.push_back(
            {fs::last_write_time(manifest_path(artifact.root), error), artifact.root});
    }
    std::sort(candidates.begin(), candidates.end());
    for (const auto& candidate : candidates) {
        if (measured_bytes_ <= options_.limit_bytes) break;
        measured_bytes_ -= std::min(measured_bytes_, remove_locked(candidate.root, uses));
    }
    return {};
}

}  // namespace assay::node
