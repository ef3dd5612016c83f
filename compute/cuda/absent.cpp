#include "compute/cuda/cuda.h"

namespace assay::compute {

Result<std::unique_ptr<Backend>> make_cuda_backend(const std::vector<int>&) {
    return fail(Code::kUnsupported,
                "this program was built without CUDA. Remedy: tools/deps --cuda, then build again");
}

int cuda_devices() {
    return 0;
}

}  // namespace assay::compute
