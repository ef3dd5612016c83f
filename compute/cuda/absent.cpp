#include "compute/cuda/cuda.h"

namespace assay::compute {

Result<std::unique_ptr<Backend>> make_cuda_backend() {
    return fail(Code::kUnsupported,
                "this program was built without CUDA. Remedy: tools/deps --cuda, then build again");
}

}  // namespace assay::compute
