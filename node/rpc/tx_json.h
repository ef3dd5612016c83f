// A raw transaction as JSON: body, sender, and the payload decoded by its type.
//
// Ownership: values. Threads: pure. Errors: none; what cannot be decoded stays hexadecimal.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "base/bytes.h"

namespace assay::node {

nlohmann::json transaction_json(ByteView raw, std::string_view chain_id);

}  // namespace assay::node
