// Protobuf messages as the JSON of the RPC, both ways, by reflection over the field names.
//
// Names become camelCase. `*_nano` fields lose that suffix and are decimal strings ("0.003");
// amounts are decimal strings of micro-units; other integers are JSON integers up to 2^53-1, above
// it strings; addresses and other bytes are 0x-hexadecimal; enums are lower-case words without
// their prefix. Reading is strict: an unknown member, a wrong type, or a number that is not exact
// is refused. Ownership: values. Threads: pure. Errors: kInvalidArgument; the message starts with
// the path, as in "spec.optimizer.lr: ...".
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace google::protobuf {
class Message;
}

namespace assay::node {

inline constexpr size_t kMaxJsonListLength = 1024;

// Every field is present, also those with default values; unset sub-messages are left out.
nlohmann::json message_to_json(const google::protobuf::Message& message);

Status message_from_json(const nlohmann::json& value, const std::string& path,
                         google::protobuf::Message& message);

// The lower-case word of an enum field.
std::string enum_word_of(const google::protobuf::Message& message, const std::string& field);

// "0.003", "3e-4" or "1" to billionths, exactly; never through a float.
Result<uint64_t> parse_nano(std::string_view text);
// The shortest decimal: 3000000 is "0.003".
std::string format_nano(uint64_t nano);

}  // namespace assay::node
