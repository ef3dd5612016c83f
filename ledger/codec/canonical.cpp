#include "ledger/codec/canonical.h"

#include <google/protobuf/message.h>
#include <google/protobuf/stubs/logging.h>

#include <algorithm>
#include <climits>

namespace assay::ledger {

Bytes encode_message(const google::protobuf::Message& message) {
    Bytes out(message.ByteSizeLong());
    // The schema has no map fields, so protobuf's field-number order is deterministic.
    message.SerializeWithCachedSizesToArray(out.data());
    return out;
}

Status decode_message(ByteView bytes, size_t max_bytes, std::string_view what,
                      google::protobuf::Message& out) {
    const std::string name(what);
    if (bytes.size() > std::min<size_t>(max_bytes, INT_MAX)) {
        return fail(Code::kLimit, name + ": " + std::to_string(bytes.size()) +
                                      " bytes exceed the limit of " + std::to_string(max_bytes));
    }
    // The library would print to stderr about every hostile string.
    const google::protobuf::LogSilencer silencer;
    if (!out.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
        return fail(Code::kCorrupt, name + ": not a protobuf message of this type");
    out.DiscardUnknownFields();
    const Bytes again = encode_message(out);
    if (!std::equal(again.begin(), again.end(), bytes.begin(), bytes.end()))
        return fail(Code::kCorrupt,
                    name + ": not the canonical encoding (unknown field, order or long varint)");
    return {};
}

}  // namespace assay::ledger
