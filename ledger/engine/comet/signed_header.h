// CometBFT's JSON of a signed header, as `commit` answers it, to a certificate.
// Plain function. Errors: kCorrupt naming the field.
#pragma once

#include <nlohmann/json.hpp>

#include "abci.pb.h"
#include "base/result.h"

namespace assay::ledger::comet {

Result<abci::Certificate> certificate_from(const nlohmann::json& answer);

}  // namespace assay::ledger::comet
