// Import: other formats to the canonical data file of dataset.h. Same input, same output bytes.
//
//   kRaw     one file, copied: one token a byte
//   kTokens  one safetensors file with `tokens`, checked and rewritten in canonical form
//   kCsv     one file: numeric columns and one integer label column -> features F32, labels I32;
//            a first line that is not numeric is a heading
//   kIdx     images file, labels file (uncompressed IDX, U8) -> images U8, labels U8
// Memory: the input, once more for CSV. Plain function. Errors: kCorrupt with line and column, or
// the header field; kLimit.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace assay::compute {

enum class ImportKind : uint8_t { kRaw, kTokens, kCsv, kIdx };
Result<ImportKind> import_kind(std::string_view name);  // "raw", "text", "tokens", "csv", "idx"

inline constexpr uint64_t kMaxCsvBytes = 1ull << 30;
inline constexpr size_t kMaxCsvColumns = 1u << 20;
inline constexpr uint64_t kMaxIdxBytes = 1ull << 34;

struct ImportOptions {
    int label_column = -1;  // kCsv: from 0, or from the end when negative
};

Status import_data(ImportKind kind, const std::vector<std::filesystem::path>& inputs,
                   const std::filesystem::path& output, const ImportOptions& options = {});

// The formats behind it.
Status import_csv(const std::filesystem::path& input, const std::filesystem::path& output,
                  const ImportOptions& options);
Status import_idx(const std::filesystem::path& images, const std::filesystem::path& labels,
                  const std::filesystem::path& output);

}  // namespace assay::compute
