// From a transaction's number to its rule.
//
// Threads: pure. Errors: decoding failures are kMalformedPayload, unknown numbers kUnknownType.
#pragma once

#include "contracts/context.h"

namespace assay::contracts {

// Payload decodes canonically and its fields are in range and of the rules of `version`; `why`
// names the one that is not.
[[nodiscard]] TxCode preflight_payload(uint32_t type, ByteView payload, uint32_t version,
                                       std::string& why);
// The effect; on a code other than kOk the caller drops what was written.
[[nodiscard]] TxCode apply_payload(uint32_t type, ByteView payload, Context& context);

}  // namespace assay::contracts
