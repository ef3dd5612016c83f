// Trace file: per-step figures of one training task (docs/formats.md). Little-endian:
//   8 bytes "ASSAYTR1" | u64 first global step | u64 count | count x (u32 loss bits, u32 norm bits)
// read_trace is declared in task.h. Plain functions; thread-safe. Errors: kCorrupt, kLimit, kIo.
#pragma once

#include "base/bytes.h"
#include "compute/train/task.h"

namespace assay::compute {

inline constexpr std::string_view kTraceMagic = "ASSAYTR1";
inline constexpr uint64_t kMaxTraceSteps = 1u << 20;

Bytes encode(const Trace& trace);
Result<Trace> decode_trace(ByteView bytes);

}  // namespace assay::compute
