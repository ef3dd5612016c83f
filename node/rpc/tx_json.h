// A raw transaction as JSON: body, sender, and the payload decoded by its type; and payloads from
// JSON.
//
// Ownership: values. Threads: pure. Errors: what cannot be decoded stays
// hexadecimal.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "contracts/transactions.h"

namespace assay::node {

// The canonical payload of a transaction of that type. kInvalidArgument names the field.
Result<Bytes> payload_from_json(const contracts::TxInfo& info, const nlohmann::json& body);

nlohmann::json transaction_json(ByteView raw, std::string_view chain_id);

}  // namespace assay::node
