#include "ledger/engine/comet/frame.h"

namespace assay::ledger::comet {
namespace {

constexpr size_t kMaxVarintBytes = 5;

}  // namespace

void append_frame(const google::protobuf::MessageLite& message, Bytes& out) {
    const size_t size = message.ByteSizeLong();
    for (size_t rest = size;; rest >>= 7) {
        const bool last = rest < 0x80;
        out.push_back(static_cast<uint8_t>((rest & 0x7F) | (last ? 0 : 0x80)));
        if (last) break;
    }
    const size_t at = out.size();
    out.resize(at + size);
    message.SerializeWithCachedSizesToArray(out.data() + at);
}

void FrameReader::feed(ByteView bytes) {
    if (at_ * 2 >= buffer_.size()) {
        buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(at_));
        at_ = 0;
    }
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
}

Result<std::optional<Bytes>> FrameReader::next() {
    size_t size = 0;
    for (size_t i = 0;; ++i) {
        if (i == kMaxVarintBytes)
            return fail(Code::kCorrupt, "frame: its length has more than 5 bytes");
        if (at_ + i == buffer_.size()) return std::optional<Bytes>();
        const uint8_t byte = buffer_[at_ + i];
        size |= size_t{byte & 0x7FU} << (7 * i);
        if ((byte & 0x80U) != 0) continue;
        if (size > kMaxFrameBytes)
            return fail(Code::kLimit, "frame: " + std::to_string(size) +
                                          " bytes exceed the limit of " +
                                          std::to_string(kMaxFrameBytes));
        const size_t begin = at_ + i + 1;
        if (buffer_.size() - begin < size) return std::optional<Bytes>();
        const auto first = buffer_.begin() + static_cast<std::ptrdiff_t>(begin);
        Bytes frame(first, first + static_cast<std::ptrdiff_t>(size));
        at_ = begin + size;
        return std::optional<Bytes>(std::move(frame));
    }
}

}  // namespace assay::ledger::comet
