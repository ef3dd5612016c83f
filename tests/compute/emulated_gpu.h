// The GPU backend on the host: its kernels' source compiled by the C++ compiler, blocks and turns
// in scrambled order, memory of its own that host code must not touch unnoticed.
//
// Ownership, threads, errors: as Backend.
#pragma once

#include <memory>

#include "compute/kernels/backend.h"

namespace assay::compute {

// `memory_bytes`: what the device has; more is out of memory.
std::unique_ptr<Backend> make_emulated_gpu(size_t memory_bytes = size_t{1} << 30);

}  // namespace assay::compute
