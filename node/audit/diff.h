// Where do two ledger exports first differ?
//
// Reads both side by side without executing anything, so damaged and lying files compare too.
// Ownership: values. Threads: pure. Errors: those of a file that cannot be read at all, starting
// with its name.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/result.h"

namespace assay::node {

struct ExportDifference {
    uint64_t height = 0;  // 0: genesis
    std::string field;    // "header.app_hash", "transactions[2]", "events[4].amount", "blocks"
    std::string first;    // what the first file has
    std::string second;
};

struct ExportComparison {
    uint64_t equal_blocks = 0;
    std::optional<ExportDifference> difference;
};

Result<ExportComparison> compare_exports(const std::filesystem::path& first,
                                         const std::filesystem::path& second);

}  // namespace assay::node
