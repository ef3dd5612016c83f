// The CUDA backend: a GPU, its memory and one stream; products by cuBLASLt.
//
// cuda.cu where an nvcc was found when building, else absent.cpp, which says so. Threads: as
// Backend. Errors: kUnsupported with the reason.
#pragma once

#include <memory>
#include <vector>

#include "compute/kernels/backend.h"

namespace assay::compute {

// By their CUDA indices, not empty; the later ones are peers() of the first. An index may come
// twice: two backends on one GPU.
Result<std::unique_ptr<Backend>> make_cuda_backend(const std::vector<int>& devices);
int cuda_devices();  // on this machine

}  // namespace assay::compute
