// Which 1 MiB chunk of an artifact is wrong?
//
// Ownership and threads: pure functions. Errors: kCorrupt naming the root or the first chunk that
// differs; those of reading the file.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "compute/checkpoint/artifact.h"

namespace assay::node {

// "chunk 3 of 7 (bytes 3145728 to 4194303): hash ..., due ..."; nullopt when equal.
[[nodiscard]] std::optional<std::string> first_wrong_chunk(const compute::Manifest& found,
                                                           const compute::Manifest& due);

// Is `file` the artifact named `root`? With its manifest the wrong chunk is named, without it only
// the root.
Status check_artifact(const std::filesystem::path& file, const Hash256& root,
                      const std::optional<compute::Manifest>& due);

}  // namespace assay::node
