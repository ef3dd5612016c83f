#include "compute/checkpoint/file_io.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace assay::compute {
namespace {

constexpr uint64_t kMaxTransferBytes = 1u << 30;  // of one system call

Error system_error(const std::string& what, const std::filesystem::path& path) {
    const int code = errno;
    const std::string reason = std::error_code(code, std::generic_category()).message();
    return fail(code == ENOENT ? Code::kNotFound : Code::kIo,
                "cannot " + what + " " + path.string() + ": " + reason);
}

Status write_all(int descriptor, ByteView bytes, const std::filesystem::path& path) {
    while (!bytes.empty()) {
        const size_t part = std::min<uint64_t>(bytes.size(), kMaxTransferBytes);
        const ssize_t done = ::write(descriptor, bytes.data(), part);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return system_error("write", path);
        bytes = bytes.subspan(static_cast<size_t>(done));
    }
    return {};
}

}  // namespace

InputFile::InputFile(int descriptor, uint64_t size, std::filesystem::path path)
    : descriptor_(descriptor), size_(size), path_(std::move(path)) {}
InputFile::InputFile(InputFile&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      size_(other.size_),
      path_(std::move(other.path_)) {}
InputFile& InputFile::operator=(InputFile&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    std::swap(size_, other.size_);
    std::swap(path_, other.path_);
    return *this;
}
InputFile::~InputFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

Result<InputFile> InputFile::open(const std::filesystem::path& path) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return system_error("open", path);
    InputFile file(descriptor, 0, path);
    struct stat info {};
    if (::fstat(descriptor, &info) != 0) return system_error("examine", path);
    if (!S_ISREG(info.st_mode))
        return fail(Code::kInvalidArgument, path.string() + " is not a regular file");
    file.size_ = static_cast<uint64_t>(info.st_size);
    return file;
}

Status InputFile::read(uint64_t offset, std::span<uint8_t> out) const {
    if (offset > size_ || out.size() > size_ - offset)
        return fail(Code::kCorrupt,
                    path_.string() + " ends before byte " + std::to_string(offset + out.size()));
    while (!out.empty()) {
        const size_t part = std::min<uint64_t>(out.size(), kMaxTransferBytes);
        const ssize_t done = ::pread(descriptor_, out.data(), part, static_cast<off_t>(offset));
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return system_error("read", path_);
        if (done == 0) return fail(Code::kCorrupt, path_.string() + " became shorter while read");
        out = out.subspan(static_cast<size_t>(done));
        offset += static_cast<uint64_t>(done);
    }
    return {};
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
}
MappedFile::~MappedFile() {
    if (data_ != nullptr) ::munmap(const_cast<uint8_t*>(data_), size_);
}

Result<MappedFile> MappedFile::open(const std::filesystem::path& path) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return system_error("open", path);
    struct stat info {};
    if (::fstat(descriptor, &info) != 0 || !S_ISREG(info.st_mode)) {
        ::close(descriptor);
        return fail(Code::kInvalidArgument, path.string() + " is not a regular file");
    }
    const auto size = static_cast<size_t>(info.st_size);
    if (size == 0) {
        ::close(descriptor);
        return MappedFile(nullptr, 0);
    }
    void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    ::close(descriptor);  // the mapping keeps the file
    if (data == MAP_FAILED) return system_error("map", path);
    return MappedFile(static_cast<const uint8_t*>(data), size);
}

AtomicFile::AtomicFile(int descriptor, std::filesystem::path path, std::filesystem::path temporary)
    : descriptor_(descriptor), path_(std::move(path)), temporary_(std::move(temporary)) {}
AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})) {}
AtomicFile::~AtomicFile() {
    if (descriptor_ < 0) return;
    ::close(descriptor_);
    ::unlink(temporary_.c_str());
}

Result<AtomicFile> AtomicFile::create(const std::filesystem::path& path) {
    std::filesystem::path temporary = path;
    temporary += ".part";
    const int descriptor =
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (descriptor < 0) return system_error("create", temporary);
    return AtomicFile(descriptor, path, std::move(temporary));
}

Status AtomicFile::append(ByteView bytes) {
    return write_all(descriptor_, bytes, temporary_);
}

Status AtomicFile::commit() {
    if (::fsync(descriptor_) != 0) return system_error("flush", temporary_);
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) return system_error("rename", temporary_);
    ::close(std::exchange(descriptor_, -1));
    return {};
}

Status write_file(const std::filesystem::path& path, ByteView bytes) {
    ASSAY_ASSIGN(AtomicFile file, AtomicFile::create(path));
    ASSAY_RETURN_IF_ERROR(file.append(bytes));
    return file.commit();
}

Result<Bytes> read_file(const std::filesystem::path& path, uint64_t max_bytes) {
    ASSAY_ASSIGN(const InputFile file, InputFile::open(path));
    if (file.size() > max_bytes) {
        return fail(Code::kLimit, path.string() + " has " + std::to_string(file.size()) +
                                      " bytes; the limit is " + std::to_string(max_bytes));
    }
    Bytes bytes(file.size());
    ASSAY_RETURN_IF_ERROR(file.read(0, bytes));
    return bytes;
}

}  // namespace assay::compute
