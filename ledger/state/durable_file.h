// A file that a crash or a power loss leaves either as it was or as it was meant.
//
// Plain functions. Threads: any, for different files. Errors: kIo naming the file.
#pragma once

#include <filesystem>
#include <string_view>

#include "base/result.h"

namespace assay::ledger {

// What was written to `unfinished` goes to the disk, then takes the place of `file` beside it.
Status put_in_place(const std::filesystem::path& unfinished, const std::filesystem::path& file);
// `text` with these permissions; makes the folder.
Status write_durably(const std::filesystem::path& file, std::string_view text, unsigned mode);

}  // namespace assay::ledger
