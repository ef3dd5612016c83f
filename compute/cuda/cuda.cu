#include "compute/cuda/cuda.h"

#include <cuda_runtime.h>

#include "compute/cuda/cublas_products.h"
#include "compute/cuda/device_block.cuh"
#include "compute/cuda/gpu_backend.h"

namespace assay::compute {
namespace {

// The first CUDA device, one stream of work, the first error.
class CudaDevice {
public:
    static constexpr int64_t kProductBytes = int64_t{512} << 20;  // int32 sums at a time
    static constexpr int kOldest = 75;                            // compute capability, x 10

    ~CudaDevice() {
        if (fault_ != nullptr) ::cudaFree(fault_);
        if (stream_ != nullptr) ::cudaStreamDestroy(stream_);
    }

    // Empty, or why there is no device to use.
    std::string open() {
        int count = 0;
        const auto status = ::cudaGetDeviceCount(&count);
        if (status != cudaSuccess) return ::cudaGetErrorString(status);
        if (count == 0) return "there is no CUDA device";
        cudaDeviceProp properties{};
        if (!check(::cudaGetDeviceProperties(&properties, 0), "reading the device"))
            return failure_;
        if (properties.major * 10 + properties.minor < kOldest)
            return std::string(properties.name) + " is too old: int8 tensor cores are needed";
        if (!check(::cudaSetDevice(0), "choosing the device") ||
            !check(::cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking),
                   "making a stream") ||
            !check(::cudaMalloc(&fault_, sizeof *fault_), "allocating"))
            return failure_;
        clear_fault();
        failure_ = products_.open();
        return failure_;
    }

    std::string_view name() const { return "cuda"; }

    void* allocate(size_t bytes) {
        void* made = nullptr;
        const auto status = ::cudaMalloc(&made, bytes);
        if (status == cudaSuccess) return made;
        if (status == cudaErrorMemoryAllocation) {
            (void)::cudaGetLastError();  // it is reported here, once
            size_t free_bytes = 0, all_bytes = 0;
            (void)::cudaMemGetInfo(&free_bytes, &all_bytes);
            fail_with("the GPU is out of memory: " + std::to_string(bytes) +
                      " bytes more are needed, " + std::to_string(free_bytes) + " of " +
                      std::to_string(all_bytes) + " are free");
        } else {
            check(status, "allocating");
        }
        return nullptr;
    }
    void release(void* at) { check(::cudaFree(at), "releasing memory"); }
    void upload(void* to, const void* from, size_t bytes) {
        if (ready())
            check(::cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream_), "uploading");
    }
    void download(void* to, const void* from, size_t bytes) {
        if (ready() && check(::cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream_),
                             "downloading"))
            check(::cudaStreamSynchronize(stream_), "computing");
    }
    void zero(void* at, size_t bytes) {
        if (ready()) check(::cudaMemsetAsync(at, 0, bytes, stream_), "clearing memory");
    }

    template <class Kernel>
    void launch(int64_t blocks, const Kernel& kernel) {
        if (blocks > INT32_MAX) return fail_with("a tensor is too large for one launch");
        gpu::run_blocks<<<static_cast<unsigned>(blocks), gpu::kBlockThreads, 0, stream_>>>(kernel,
                                                                                           fault_);
        check(::cudaGetLastError(), "launching a kernel");
    }
    void products(const gpu::Int8Products& product) {
        const std::string problem = products_.run(product, stream_);
        if (!problem.empty()) fail_with(problem);
    }

    bool ready() const { return failure_.empty(); }
    std::string failure() const { return failure_; }
    uint64_t free_bytes() const {
        size_t free = 0, total = 0;
        return cudaMemGetInfo(&free, &total) == cudaSuccess ? free : 0;
    }
    uint32_t fault() {
        uint32_t bits = 0;
        download(&bits, fault_, sizeof bits);
        return bits;
    }
    void set_fault() { upload(fault_, &kInfinityBits, sizeof kInfinityBits); }
    void clear_fault() { zero(fault_, sizeof *fault_); }

private:
    bool check(cudaError_t status, const char* what) {
        if (status == cudaSuccess) return true;
        fail_with(std::string("CUDA: ") + what + " failed: " + ::cudaGetErrorString(status));
        return false;
    }
    void fail_with(const std::string& what) {
        if (failure_.empty()) failure_ = what;
    }

    std::string failure_;
    cudaStream_t stream_ = nullptr;
    uint32_t* fault_ = nullptr;
    gpu::CublasProducts products_;
};

}  // namespace

Result<std::unique_ptr<Backend>> make_cuda_backend() {
    auto device = std::make_unique<CudaDevice>();
    const std::string problem = device->open();
    if (!problem.empty()) return fail(Code::kUnsupported, "no GPU: " + problem);
    return std::unique_ptr<Backend>(
        std::make_unique<gpu::GpuBackend<CudaDevice>>(std::move(device)));
}

}  // namespace assay::compute
