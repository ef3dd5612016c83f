#include "compute/train/trace.h"

#include <bit>

#include "compute/checkpoint/file_io.h"

namespace assay::compute {
namespace {

constexpr size_t kHeaderBytes = 24;
constexpr size_t kStepBytes = 8;

void append_le(Bytes& out, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) out.push_back(static_cast<uint8_t>(value >> (8 * i)));
}

uint64_t read_le(ByteView bytes, size_t at, size_t count) {
    uint64_t value = 0;
    for (size_t i = count; i-- > 0;) value = value << 8 | bytes[at + i];
    return value;
}

float float_at(ByteView bytes, size_t at) {
    return std::bit_cast<float>(static_cast<uint32_t>(read_le(bytes, at, 4)));
}

}  // namespace

Bytes encode(const Trace& trace) {
    Bytes out;
    out.reserve(kHeaderBytes + trace.steps.size() * kStepBytes);
    for (const char c : kTraceMagic) out.push_back(static_cast<uint8_t>(c));
    append_le(out, trace.first_step, 8);
    append_le(out, trace.steps.size(), 8);
    for (const Trace::Step& step : trace.steps) {
        append_le(out, std::bit_cast<uint32_t>(step.loss), 4);
        append_le(out, std::bit_cast<uint32_t>(step.grad_norm), 4);
    }
    return out;
}

Result<Trace> decode_trace(ByteView bytes) {
    if (bytes.size() < kHeaderBytes || text_of(bytes.first(8)) != kTraceMagic)
        return fail(Code::kCorrupt, "trace: does not begin with " + std::string(kTraceMagic));
    Trace trace;
    trace.first_step = read_le(bytes, 8, 8);
    const uint64_t count = read_le(bytes, 16, 8);
    if (count > kMaxTraceSteps || bytes.size() != kHeaderBytes + count * kStepBytes)
        return fail(Code::kCorrupt, "trace: size does not match its count of steps");
    for (size_t at = kHeaderBytes; at < bytes.size(); at += kStepBytes)
        trace.steps.push_back({float_at(bytes, at), float_at(bytes, at + 4)});
    return trace;
}

Result<Trace> read_trace(const std::filesystem::path& file) {
    ASSAY_ASSIGN(const Bytes bytes, read_file(file, kHeaderBytes + kMaxTraceSteps * kStepBytes));
    return decode_trace(bytes);
}

}  // namespace assay::compute
