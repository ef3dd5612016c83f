// Strict reading and safe writing of JSON text.
//
// Purpose: everything that arrives over RPC is read here. Differences from the library's parser:
// numbers with a fraction, an exponent or more than 64 bits keep their text (is_decimal,
// decimal_text) and never pass through a double; a repeated member is refused; depth is limited.
// Ownership: results own their data. Threads: pure functions. Errors: kInvalidArgument with the
// position, kLimit for depth.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace assay::node {

inline constexpr size_t kMaxJsonDepth = 32;

Result<nlohmann::json> parse_json(std::string_view text);

// True for a number literal that is not a 64-bit integer, as parse_json keeps it.
bool is_decimal(const nlohmann::json& value);
std::string decimal_text(const nlohmann::json& value);

// Compact text; bytes that are not UTF-8 are replaced, so it never throws.
std::string dump_json(const nlohmann::json& value);
// Two-space indented, for people and committed files.
std::string pretty_json(const nlohmann::json& value);

}  // namespace assay::node
