// A snapshot on disk, in one file: written once from a view of the state, read chunk by chunk.
//
// write_snapshot reads the whole state at least twice and takes at most kGatherBytes of memory, and
// that of one chunk. Ownership: a SnapshotFile holds no file open. Threads: const methods from any.
// Errors: kIo naming the file, also where the disk has no room; kCorrupt for a state that cannot be
// read or has not the recorded root, or a file that was changed; kLimit for a state that is too
// large. Format: docs/formats/snapshot.md.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include "ledger/state/commit_record.h"
#include "ledger/state/snapshot.h"
#include "ledger/state/store.h"

namespace assay::ledger {

// One height, to be read while later blocks are committed.
struct StateSource {
    std::shared_ptr<const StoreView> view;
    CommitRecord record;
    LogEdge log_edge;
};

inline constexpr size_t kGatherBytes = size_t{256} << 20;
inline constexpr uint64_t kFreeDiskBytes = uint64_t{256} << 20;  // left to the rest of the node

// Whole, synced and in its place, or not at all. `cancelled` is asked now and then; kConflict when
// it says so.
Status write_snapshot(
    const StateSource& source, const std::filesystem::path& file,
    const std::function<bool()>& cancelled = [] { return false; });

class SnapshotFile {
public:
    static Result<SnapshotFile> open(const std::filesystem::path& file);

    [[nodiscard]] uint64_t height() const { return height_; }
    [[nodiscard]] const Bytes& manifest() const { return manifest_; }
    [[nodiscard]] const Hash256& manifest_hash() const { return manifest_hash_; }
    [[nodiscard]] const Hash256& params_hash() const { return params_hash_; }  // of its chain
    [[nodiscard]] size_t chunk_count() const { return ends_.size(); }
    [[nodiscard]] Result<Bytes> chunk(size_t index) const;
    [[nodiscard]] const std::filesystem::path& path() const { return file_; }

private:
    std::filesystem::path file_;
    uint64_t height_ = 0;
    Bytes manifest_;
    Hash256 manifest_hash_, params_hash_;
    std::vector<uint64_t> ends_;  // of the chunks, from the begin of the file
};

}  // namespace assay::ledger
