// Checks call parameters against a method's declaration and brings them into one shape.
//
// Positional parameters become named; null for an optional parameter counts as absent. Threads:
// pure. Errors: kInvalidArgument naming the parameter, what was expected and what came.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "base/result.h"
#include "node/rpc/method.h"

namespace assay::node {

// An object that holds only declared parameters, each of its declared type.
Result<nlohmann::json> validate_params(const Method& method, const nlohmann::json& params);

}  // namespace assay::node
