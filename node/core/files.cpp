#include "node/core/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

namespace assay::node {
namespace {

std::string errno_text(const std::filesystem::path& file, const char* action) {
    return std::string(action) + " " + file.string() + ": " + std::strerror(errno);
}

}  // namespace

Result<std::string> read_text(const std::filesystem::path& file, uint64_t limit_bytes) {
    std::error_code error;
    const auto size = std::filesystem::file_size(file, error);
    if (error) {
        const auto code =
            error == std::errc::no_such_file_or_directory ? Code::kNotFound : Code::kIo;
        return fail(code, "cannot read " + file.string() + ": " + error.message());
    }
    if (size > limit_bytes) {
        return fail(Code::kLimit, file.string() + " has " + std::to_string(size) +
                                      " bytes; the limit is " + std::to_string(limit_bytes));
    }
    std::ifstream in(file, std::ios::binary);
    std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    if (!in.good() && !in.eof()) return fail(Code::kIo, errno_text(file, "cannot read"));
    return text;
}

Status write_text(const std::filesystem::path& file, std::string_view text, unsigned mode) {
    // Unique among processes and threads: two may write the same content-addressed file at once.
    static std::atomic<uint64_t> counter{0};
    const auto temporary = file.string() + ".tmp" + std::to_string(::getpid()) + "." +
                           std::to_string(counter.fetch_add(1));
    const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0) return fail(Code::kIo, errno_text(temporary, "cannot create"));
    size_t done = 0;
    while (done < text.size()) {
        const auto n = ::write(fd, text.data() + done, text.size() - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            const auto error = fail(Code::kIo, errno_text(temporary, "cannot write"));
            ::close(fd);
            ::unlink(temporary.c_str());
            return error;
        }
        done += static_cast<size_t>(n);
    }
    const bool synced = ::fchmod(fd, static_cast<mode_t>(mode)) == 0 && ::fsync(fd) == 0;
    ::close(fd);
    if (!synced || ::rename(temporary.c_str(), file.c_str()) != 0) {
        const auto error = fail(Code::kIo, errno_text(file, "cannot write"));
        ::unlink(temporary.c_str());
        return error;
    }
    return {};
}

Result<ScratchFolder> ScratchFolder::make(const std::filesystem::path& parent,
                                          const std::string& prefix) {
    std::error_code error;
    const auto folder = parent.empty() ? std::filesystem::temp_directory_path(error) : parent;
    std::string pattern = (folder / (prefix + "XXXXXX")).string();
    if (error || ::mkdtemp(pattern.data()) == nullptr) {
        return fail(Code::kIo, "cannot create a temporary folder like " + pattern);
    }
    return ScratchFolder(pattern);
}

ScratchFolder::~ScratchFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

ScratchFolder::ScratchFolder(ScratchFolder&& other) noexcept : path_(std::move(other.path_)) {
    other.path_.clear();
}

}  // namespace assay::node
