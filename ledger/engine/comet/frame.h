// Frames of the ABCI socket: an unsigned varint length, then that many bytes of one message.
//
// Ownership: values only. Threads: one per reader. Errors: kLimit for a length above
// kMaxFrameBytes, kCorrupt for a varint of more than five bytes; the connection must then be
// closed.
#pragma once

#include <google/protobuf/message_lite.h>

#include <optional>

#include "base/bytes.h"
#include "base/result.h"

namespace assay::ledger::comet {

// The engine's blocks are smaller; its own limit is 2^31 - 1.
inline constexpr size_t kMaxFrameBytes = size_t{128} << 20;

void append_frame(const google::protobuf::MessageLite& message, Bytes& out);

class FrameReader {
public:
    void feed(ByteView bytes);
    // The next whole frame; nothing when more bytes are needed.
    Result<std::optional<Bytes>> next();
    // Bytes not yet taken, those of a part of a frame too.
    [[nodiscard]] size_t waiting() const { return buffer_.size() - at_; }

private:
    Bytes buffer_;
    size_t at_ = 0;  // first byte not yet taken
};

}  // namespace assay::ledger::comet
