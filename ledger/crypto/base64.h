// Base64 with padding, on one line (RFC 4648 section 4). Plain functions; thread-safe.
#pragma once

#include <optional>
#include <string>

#include "base/bytes.h"

namespace assay::ledger {

[[nodiscard]] std::string to_base64(ByteView bytes);
// Nothing for text that is not exactly what to_base64 gives for some bytes.
[[nodiscard]] std::optional<Bytes> from_base64(const std::string& text);

}  // namespace assay::ledger
