// Canonical protobuf: one message value has exactly one encoding (docs/formats/ledger.md).
//
// Fields in number order, default values left out, no unknown fields, shortest varints. A decoder
// parses, drops unknown fields, encodes again and refuses bytes that differ, so that a hash over
// the bytes is a hash over the value. Threads: pure functions. Errors: kCorrupt (not the canonical
// encoding of the type), kLimit (longer than the caller's maximum).
#pragma once

#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace google::protobuf {
class Message;
}

namespace assay::ledger {

[[nodiscard]] Bytes encode_message(const google::protobuf::Message& message);
// `what` names the message in errors, as in "block".
Status decode_message(ByteView bytes, size_t max_bytes, std::string_view what,
                      google::protobuf::Message& out);

template <typename Message>
[[nodiscard]] Result<Message> decode_canonical(ByteView bytes, size_t max_bytes,
                                               std::string_view what) {
    Message message;
    ASSAY_RETURN_IF_ERROR(decode_message(bytes, max_bytes, what, message));
    return message;
}

}  // namespace assay::ledger
