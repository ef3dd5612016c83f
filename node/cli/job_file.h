// The job file of `assay job`: read, checked to be JSON, completed with its data.
// Threads: one. Errors: end the command through report.h, naming the file.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "node/cli/globals.h"

namespace assay::node {

// With data.root and data.size filled from `data` (stored in this home's blob store) if given.
nlohmann::json load_job_file(const std::string& file, const std::string& data,
                             const GlobalOptions& globals);

}  // namespace assay::node
