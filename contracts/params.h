// Chain parameters: defaults, genesis overrides, bounds.
//
// Stored in the state at genesis with every field filled in, so that readers need no defaults.
// Threads: pure. Errors: kInvalidArgument naming the parameter, its value and its range.
#pragma once

#include "base/result.h"
#include "contracts.pb.h"

namespace assay::contracts {

// PROTOCOL values (docs/job-spec.md, "Chain parameters").
[[nodiscard]] pb::Params default_params();
// `given` with 0 replaced by the default; refuses values out of bounds.
[[nodiscard]] Result<pb::Params> complete_params(const pb::Params& given);
// From genesis bytes; empty bytes give the defaults.
[[nodiscard]] Result<pb::Params> params_from_genesis(std::string_view encoded);

}  // namespace assay::contracts
