// What every preflight checks of a payload's fields, with one message that names field, value and
// range.
//
// Threads: pure. Errors: kInvalidArgument; the message is for people and never reaches consensus.
#pragma once

#include <string_view>

#include "base/result.h"
#include "contracts.pb.h"

namespace assay::contracts {

[[nodiscard]] Status check_range(std::string_view field, uint64_t value, uint64_t low,
                                 uint64_t high);
// 1 to the largest supply, micro-units.
[[nodiscard]] Status check_amount(std::string_view field, uint64_t value);
[[nodiscard]] Status check_size(std::string_view field, std::string_view raw, size_t bytes);
[[nodiscard]] inline Status check_hash(std::string_view field, std::string_view raw) {
    return check_size(field, raw, 32);
}
// Printable ASCII of min_bytes to max_bytes: what a terminal or a page can show without surprises.
[[nodiscard]] Status check_text(std::string_view field, std::string_view text, size_t min_bytes,
                                size_t max_bytes);
[[nodiscard]] Status check_artifact(std::string_view field, const pb::ArtifactRef& ref);

}  // namespace assay::contracts
