// SnapshotKeeper: writes a snapshot of the state every so many blocks, in the background, keeps the
// newest few in a folder and serves their chunks.
//
// Ownership: a thread while it writes; views of the state keep what they need. Threads: list() and
// chunk() from any; committed() and drop_foreign() by one. Errors: a snapshot that cannot be
// written is told to `log`, and the next one is tried when it is due.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <mutex>
#include <thread>

#include "ledger/application.h"
#include "ledger/state/snapshot_file.h"

namespace assay::ledger {

class Database;

struct SnapshotOptions {
    std::filesystem::path directory;
    uint64_t interval = 0;  // blocks between two; 0: none are made
    size_t keep = 2;
    std::function<void(const std::string&)> log;
};

class SnapshotKeeper {
public:
    // Removes what a crash left unfinished; says so where a file cannot be used.
    explicit SnapshotKeeper(SnapshotOptions options);
    ~SnapshotKeeper();
    SnapshotKeeper(const SnapshotKeeper&) = delete;
    SnapshotKeeper& operator=(const SnapshotKeeper&) = delete;

    // Removes those of another genesis, and those above `height`: they are of another past.
    void drop_foreign(const Hash256& params_hash, uint64_t height);
    // The last block changed the state: only such heights can be gone on from (ledger/anchor.h).
    void committed(const Database& database);
    [[nodiscard]] std::vector<SnapshotInfo> list() const;
    [[nodiscard]] Result<Bytes> chunk(uint64_t height, uint32_t format, uint32_t index) const;
    // The height of the oldest one, which may be one that is being written.
    [[nodiscard]] std::optional<uint64_t> oldest() const;
    // Until no snapshot is being written.
    void wait();

private:
    void write(const StateSource& source);
    void add(SnapshotFile file);
    void drop_oldest();
    [[nodiscard]] std::optional<uint64_t> newest() const;

    const SnapshotOptions options_;
    uint64_t tried_ = 0;  // the last height whose snapshot was begun, also in vain
    std::atomic<bool> stopping_{false};
    std::atomic<bool> writing_{false};
    std::thread thread_;
    mutable std::mutex mutex_;
    std::vector<SnapshotFile> files_;  // by height; guarded by mutex_
};

}  // namespace assay::ledger
