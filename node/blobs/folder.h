// File-system steps of the chunk store: whole reads, writes that appear at once, and a lock between
// processes.
//
// Ownership: AtomicFile and FolderLock own one descriptor each and are only moved. Threads: each
// object by one thread; the functions by any. Errors: kNotFound, kLimit, kIo, each naming the path.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace assay::node {

// The whole file; kLimit when it is larger than `limit_bytes`.
Result<Bytes> read_file(const std::filesystem::path& file, uint64_t limit_bytes);
// Through a temporary file in `temporary_folder`, which is on the same file system.
Status write_file(const std::filesystem::path& temporary_folder, const std::filesystem::path& file,
                  ByteView data);

// The hash that a file of the store is named by; empty for other files.
std::optional<Hash256> hash_named(const std::filesystem::path& file);

// A file that nobody sees before commit(). Its temporary name is unique among threads and
// processes.
class AtomicFile {
public:
    static Result<AtomicFile> create(const std::filesystem::path& temporary_folder);
    ~AtomicFile();  // removes what was not committed
    AtomicFile(AtomicFile&& other) noexcept;
    AtomicFile& operator=(AtomicFile&&) = delete;
    AtomicFile(const AtomicFile&) = delete;
    AtomicFile& operator=(const AtomicFile&) = delete;

    Status write(ByteView data);
    Status commit(const std::filesystem::path& file);  // fsync, then rename

private:
    AtomicFile(std::string path, int descriptor)
        : path_(std::move(path)), descriptor_(descriptor) {}
    void discard();

    std::string path_;
    int descriptor_;  // -1 when closed
};

// flock(2) on one file: shared by writers of chunks, exclusive for what removes them.
class FolderLock {
public:
    static Result<FolderLock> shared(const std::filesystem::path& file);
    static Result<FolderLock> exclusive(const std::filesystem::path& file);
    // Empty when another holder is in the way.
    static std::optional<FolderLock> try_exclusive(const std::filesystem::path& file);
    ~FolderLock();
    FolderLock(FolderLock&& other) noexcept;
    FolderLock& operator=(FolderLock&&) = delete;
    FolderLock(const FolderLock&) = delete;
    FolderLock& operator=(const FolderLock&) = delete;

private:
    explicit FolderLock(int descriptor) : descriptor_(descriptor) {}
    static Result<FolderLock> take(const std::filesystem::path& file, int operation);

    int descriptor_;
};

}  // namespace assay::node
