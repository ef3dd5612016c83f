// Small files read with a limit and written whole or not at all.
//
// Free functions; thread-safe. Errors: kNotFound, kLimit, kIo, each naming the file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace assay::node {

Result<std::string> read_text(const std::filesystem::path& file, uint64_t limit_bytes);
// Whole or not at all: temporary file, fsync, rename. `mode` as in chmod.
Status write_text(const std::filesystem::path& file, std::string_view text, unsigned mode);

// A new private folder, removed with everything in it at the end of its life.
class ScratchFolder {
public:
    // <parent>/<prefix>XXXXXX; an empty parent is the system's temporary folder.
    static Result<ScratchFolder> make(const std::filesystem::path& parent,
                                      const std::string& prefix);
    ~ScratchFolder();
    ScratchFolder(ScratchFolder&& other) noexcept;
    ScratchFolder& operator=(ScratchFolder&&) = delete;

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

private:
    explicit ScratchFolder(std::filesystem::path path) : path_(std::move(path)) {}
    std::filesystem::path path_;  // empty: moved from
};

}  // namespace assay::node
