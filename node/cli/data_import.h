// Data files as people have them (text, CSV, images, packed with gzip) to one canonical data set.
//
// Ownership: results are values; the caller's scratch folder holds the canonical file. Threads:
// one. Errors: kNotFound for a file that cannot be read, kCorrupt for a damaged one, kLimit above
// 16 GiB unpacked; stored_data ends the command through report.h.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "node/cli/globals.h"

namespace CLI {
class App;
}

namespace assay::node {

struct DataFiles {
    std::vector<std::string> files;
    std::string kind = "auto";  // raw, tokens, csv, idx
    int label_column = -1;      // csv; negative from the end
    std::string tokenizer;      // tokenizer.json for a text; empty: one token a byte
};

// --data, and the options below, of the commands that take training data.
void add_data_options(CLI::App& command, DataFiles& data);
// --kind, --label-column and --tokenizer.
void add_data_kind_options(CLI::App& command, DataFiles& data);

// The kind's name when `data.kind` is "auto": by the names of the files.
std::string data_kind(const DataFiles& data);

// Writes the canonical file into `scratch` and returns its path. `tell`, if given, hears what is
// under way.
using TellProgress = std::function<void(const std::string& text)>;
Result<std::filesystem::path> canonical_data(const DataFiles& data,
                                             const std::filesystem::path& scratch,
                                             const TellProgress& tell = {});

struct StoredData {
    Hash256 root;
    uint64_t size = 0;  // bytes
    bool tokens = false;
    uint64_t count = 0;     // tokens, or samples
    uint64_t features = 0;  // numbers in a sample
};
// Imports `data` into the chunk store of this home, and pins it.
StoredData stored_data(const DataFiles& data, const GlobalOptions& globals);

}  // namespace assay::node
