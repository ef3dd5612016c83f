#include "ledger/snapshot_keeper.h"

#include <algorithm>

#include "ledger/state/database.h"

namespace assay::ledger {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kExtension = ".snapshot";

}  // namespace

SnapshotKeeper::SnapshotKeeper(SnapshotOptions options) : options_(std::move(options)) {
    if (options_.interval == 0) return;
    std::error_code error;
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(options_.directory, error))
        found.push_back(entry.path());
    std::sort(found.begin(), found.end());
    for (const fs::path& path : found) {
        if (path.extension() == ".new") fs::remove(path, error);
        if (path.extension() != kExtension) continue;
        auto file = SnapshotFile::open(path);
        if (file.ok())
            add(std::move(*file));
        else if (options_.log)
            options_.log(file.error().message);
    }
}

SnapshotKeeper::~SnapshotKeeper() {
    stopping_ = true;
    wait();
}

void SnapshotKeeper::wait() {
    if (thread_.joinable()) thread_.join();
}

std::optional<uint64_t> SnapshotKeeper::newest() const {
    const std::lock_guard lock(mutex_);
    if (files_.empty()) return std::nullopt;
    return files_.back().height();
}

std::optional<uint64_t> SnapshotKeeper::oldest() const {
    const std::lock_guard lock(mutex_);
    if (!files_.empty()) return files_.front().height();
    return writing_ ? std::optional(tried_) : std::nullopt;
}

void SnapshotKeeper::drop_foreign(const Hash256& params_hash, uint64_t height) {
    const std::lock_guard lock(mutex_);
    std::erase_if(files_, [&](const SnapshotFile& file) {
        if (file.params_hash() == params_hash && file.height() <= height) return false;
        std::error_code ignored;
        fs::remove(file.path(), ignored);
        return true;
    });
}

void SnapshotKeeper::committed(const Database& database) {
    if (options_.interval == 0 || writing_) return;
    const uint64_t height = database.height();
    const uint64_t last = std::max(newest().value_or(0), tried_);
    if (height / options_.interval <= last / options_.interval) return;
    tried_ = height;
    wait();
    writing_ = true;
    thread_ = std::thread([this, source = database.source()] {
        write(source);
        writing_ = false;
    });
}

void SnapshotKeeper::write(const StateSource& source) {
    const fs::path path =
        options_.directory / (std::to_string(source.record.height) + std::string(kExtension));
    Status written = write_snapshot(source, path, [this] { return stopping_.load(); });
    if (written.ok()) {
        auto file = SnapshotFile::open(path);
        if (file.ok())
            add(std::move(*file));
        else
            written = file.error();
    }
    if (written.ok() || stopping_) return;
    if (options_.log)
        options_.log("no snapshot of height " + std::to_string(source.record.height) + ": " +
                     written.error().message);
    drop_oldest();
}

// Where there is no room for a new one, the old ones must not hold back what makes room: blocks
// below them are kept (LocalApplication::blocks_to_forget).
void SnapshotKeeper::drop_oldest() {
    const std::lock_guard lock(mutex_);
    if (files_.empty()) return;
    std::error_code ignored;
    fs::remove(files_.front().path(), ignored);
    files_.erase(files_.begin());
}

void SnapshotKeeper::add(SnapshotFile file) {
    bool full = false;
    {
        const std::lock_guard lock(mutex_);
        files_.push_back(std::move(file));
        std::sort(files_.begin(), files_.end(), [](const SnapshotFile& a, const SnapshotFile& b) {
            return a.height() < b.height();
        });
        full = files_.size() > options_.keep;
    }
    if (full) drop_oldest();
}

std::vector<SnapshotInfo> SnapshotKeeper::list() const {
    const std::lock_guard lock(mutex_);
    std::vector<SnapshotInfo> all;
    for (const SnapshotFile& file : files_)
        all.push_back({file.height(), kSnapshotFormat, static_cast<uint32_t>(file.chunk_count()),
                       file.manifest_hash(), file.manifest()});
    return all;
}

Result<Bytes> SnapshotKeeper::chunk(uint64_t height, uint32_t format, uint32_t index) const {
    std::optional<SnapshotFile> wanted;
    {
        const std::lock_guard lock(mutex_);
        for (const SnapshotFile& file : files_)
            if (file.height() == height && format == kSnapshotFormat) wanted = file;
    }
    if (!wanted)
        return fail(Code::kNotFound,
                    "no snapshot of height " + std::to_string(height) + " is kept here");
    return wanted->chunk(index);
}

}  // namespace assay::ledger
