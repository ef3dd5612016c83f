// The CUDA backend: one GPU, its memory and one stream; products by cuBLASLt.
//
// cuda.cu where an nvcc was found when building, else absent.cpp, which says so. Threads: as
// Backend. Errors: kUnsupported with the reason.
#pragma once

#include <memory>

#include "compute/kernels/backend.h"

namespace assay::compute {

Result<std::unique_ptr<Backend>> make_cuda_backend();

}  // namespace assay::compute
