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

}  // namespace assay::node
