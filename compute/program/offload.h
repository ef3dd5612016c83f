// CPU offload: the same step in less device memory. A layer's activations wait in host memory from
// their last use in the forward pass to their first in the backward pass.
//
// A rewrite of the list: kToHost after the last forward use, kFromHost before the first backward
// one. Values are copied, so the bits do not change; what is paid is the way there and back. After
// recompute_layers only what enters a layer travels. Plain function; thread-safe; no errors.
#pragma once

#include "compute/program/program.h"

namespace assay::compute {

// Of a training program; layers are what the tensors' names say, "h.<i>.", as in every model here.
Program offload_layers(const Program& program);
// Bytes that wait in host memory at once.
uint64_t host_bytes(const Program& program);

}  // namespace assay::compute
