#include "ledger/state/durable_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace assay::ledger {
namespace {

namespace fs = std::filesystem;

Error cannot_write(const fs::path& file) {
    return fail(Code::kIo, "cannot write " + file.string() + ": " + std::strerror(errno) +
                               "; check the disk and its free space");
}

bool sync_path(const fs::path& path, int flags) {
    const int fd = ::open(path.c_str(), flags | O_CLOEXEC);
    if (fd < 0) return false;
    const bool synced = ::fsync(fd) == 0;
    return ::close(fd) == 0 && synced;
}

}  // namespace

Status put_in_place(const fs::path& unfinished, const fs::path& file) {
    const fs::path folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
    const bool good = sync_path(unfinished, O_RDONLY) &&
                      ::rename(unfinished.c_str(), file.c_str()) == 0 &&
                      sync_path(folder, O_RDONLY | O_DIRECTORY);
    return good ? Status{} : cannot_write(file);
}

Status write_durably(const fs::path& file, std::string_view text, unsigned mode) {
    std::error_code error;
    fs::create_directories(file.parent_path(), error);
    const fs::path unfinished = file.string() + ".new";
    const int fd = ::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    bool good = fd >= 0;
    for (size_t at = 0; good && at < text.size();) {
        const ssize_t count = ::write(fd, text.data() + at, text.size() - at);
        good = count > 0;
        at += good ? static_cast<size_t>(count) : 0;
    }
    if (fd >= 0) good = ::close(fd) == 0 && good;
    if (!good) return cannot_write(file);
    return put_in_place(unfinished, file);
}

}  // namespace assay::ledger
