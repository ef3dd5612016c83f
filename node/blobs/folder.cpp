#include "node/blobs/folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace assay::node {
namespace {

Error errno_error(const char* action, const std::string& path) {
    const auto code = errno == ENOENT ? Code::kNotFound : Code::kIo;
    return fail(code, std::string("cannot ") + action + " " + path + ": " + std::strerror(errno));
}

// Fills `out` or returns how much there was; -1 with errno on an error.
ssize_t read_all(int descriptor, uint8_t* out, size_t size) {
    size_t done = 0;
    while (done < size) {
        const auto n = ::read(descriptor, out + done, size - done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -1;
        if (n == 0) break;
        done += static_cast<size_t>(n);
    }
    return static_cast<ssize_t>(done);
}

}  // namespace

Result<Bytes> read_file(const std::filesystem::path& file, uint64_t limit_bytes) {
    const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return errno_error("read", file.string());
    struct stat info {};
    if (::fstat(descriptor, &info) != 0 || !S_ISREG(info.st_mode)) {
        ::close(descriptor);
        return fail(Code::kIo, file.string() + " is not a regular file");
    }
    const auto size = static_cast<uint64_t>(info.st_size);
    if (size > limit_bytes) {
        ::close(descriptor);
        return fail(Code::kLimit, file.string() + " has " + std::to_string(size) +
                                      " bytes; the limit is " + std::to_string(limit_bytes));
    }
    Bytes data(size);
    const auto got = read_all(descriptor, data.data(), data.size());
    const auto error = got < 0 ? errno_error("read", file.string()) : Error{};
    ::close(descriptor);
    if (got < 0) return error;
    data.resize(static_cast<size_t>(got));
    return data;
}

Status write_file(const std::filesystem::path& temporary_folder, const std::filesystem::path& file,
                  ByteView data) {
    ASSAY_ASSIGN(auto out, AtomicFile::create(temporary_folder));
    ASSAY_RETURN_IF_ERROR(out.write(data));
    return out.commit(file);
}

std::optional<Hash256> hash_named(const std::filesystem::path& file) {
    const auto name = file.filename().string();
    const auto hash = hash_from_hex(name);
    return hash && to_hex(*hash) == name ? hash : std::nullopt;
}

Result<AtomicFile> AtomicFile::create(const std::filesystem::path& temporary_folder) {
    std::string path = (temporary_folder / "part.XXXXXX").string();
    const int descriptor = ::mkostemp(path.data(), O_CLOEXEC);
    if (descriptor < 0) return errno_error("create a file in", temporary_folder.string());
    return AtomicFile(std::move(path), descriptor);
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(other.descriptor_) {
    other.descriptor_ = -1;
    other.path_.clear();
}

AtomicFile::~AtomicFile() {
    discard();
}

void AtomicFile::discard() {
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = -1;
    if (!path_.empty()) ::unlink(path_.c_str());
    path_.clear();
}

Status AtomicFile::write(ByteView data) {
    size_t done = 0;
    while (done < data.size()) {
        const auto n = ::write(descriptor_, data.data() + done, data.size() - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return errno_error("write", path_);
        done += static_cast<size_t>(n);
    }
    return {};
}

Status AtomicFile::commit(const std::filesystem::path& file) {
    constexpr mode_t kMode = 0644;
    if (::fchmod(descriptor_, kMode) != 0 || ::fsync(descriptor_) != 0) {
        return errno_error("write", path_);
    }
    if (::rename(path_.c_str(), file.c_str()) != 0) return errno_error("write", file.string());
    path_.clear();  // renamed: nothing to discard but the descriptor
    return {};
}

Result<FolderLock> FolderLock::take(const std::filesystem::path& file, int operation) {
    constexpr mode_t kMode = 0644;
    const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kMode);
    if (descriptor < 0) return errno_error("open the lock", file.string());
    FolderLock lock(descriptor);
    while (::flock(descriptor, operation) != 0) {
        if (errno == EINTR) continue;
        if (errno == EWOULDBLOCK) {
            return fail(Code::kUnavailable, file.string() + " is locked by another writer");
        }
        return errno_error("lock", file.string());
    }
    return lock;
}

Result<FolderLock> FolderLock::shared(const std::filesystem::path& file) {
    return take(file, LOCK_SH);
}
Result<FolderLock> FolderLock::exclusive(const std::filesystem::path& file) {
    return take(file, LOCK_EX);
}
std::optional<FolderLock> FolderLock::try_exclusive(const std::filesystem::path& file) {
    auto lock = take(file, LOCK_EX | LOCK_NB);
    if (!lock.ok()) return std::nullopt;
    return std::move(lock).value();
}

FolderLock::FolderLock(FolderLock&& other) noexcept : descriptor_(other.descriptor_) {
    other.descriptor_ = -1;
}
FolderLock::~FolderLock() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace assay::node
