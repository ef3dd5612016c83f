// The GPU backend on the host: its kernels' source compiled by the C++ compiler, blocks and turns
// in scrambled order, memory of its own that host code must not touch unnoticed.
//
// Ownership, threads, errors: as Backend.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "compute/kernels/backend.h"

namespace assay::compute {

// Small, so that products of test size are split into parts; no whole number of tiles.
inline constexpr int64_t kPlainProductBytes = 18'000;

// `memory_bytes`: what the device has; more is out of memory.
std::unique_ptr<Backend> make_plain_gpu(size_t memory_bytes = size_t{1} << 30);
// Several, with so much memory each, not none: the first with the others as its peers.
std::unique_ptr<Backend> make_plain_gpus(const std::vector<size_t>& memory_bytes);

}  // namespace assay::compute
