// A snapshot on disk, in one file: written once from a view of the state, read chunk by chunk.
//
// write_snapshot reads the whole state at least twice and holds at most kGatherBytes of it.
// Ownership: a SnapshotFile holds no file open. Threads: const methods from any. Errors: kIo naming
// the file; kCorrupt for a state that has not the recorded root, or a file that was changed;
// kLimit where a part of the state is too large for a chunk. Format: docs/formats/snapshot.md.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include "ledger/state/commit_record.h"
#include "ledger/state/snapshot.h"
#include "ledger/state/view.h"

namespace assay::ledger {

// One height, to be read while later blocks are committed.
struct StateSource {
    std::shared_ptr<const ReadView> view;
    CommitRecord record;
    LogEdge log_edge;
};

// Whole or not at all. `cancelled` is asked now and then; kConflict when it says so.
Status write_snapshot(
    const StateSource& source, const std::filesystem::path& file,
    const std::function<bool()>& cancelled = [] { return false; });

class SnapshotFile {
public:
    static Result<SnapshotFile> open(const std::filesystem::path& file);

    [[nodiscard]] uint64_t height() const { return height_; }
    [[nodiscard]] const Bytes& manifest() const { return manifest_; }
    [[nodiscard]] size_t chunk_count() const { return ends_.size(); }
    [[nodiscard]] Result<Bytes> chunk(size_t index) const;
    [[nodiscard]] const std::filesystem::path& path() const { return file_; }

private:
    std::filesystem::path file_;
    uint64_t height_ = 0;
    Bytes manifest_;
    std::vector<uint64_t> ends_;  // of the chunks, from the begin of the file
};

}  // namespace assay::ledger
