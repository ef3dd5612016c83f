#include "compute/cuda/cuda.h"

#include <cuda_runtime.h>

#include "compute/cuda/cublas_products.h"
#include "compute/cuda/device_block.cuh"
#include "compute/cuda/gpu_backend.h"

namespace assay::compute {
namespace {

// CUDA keeps the last error of any call for the next cudaGetLastError(), which would take it for a
// launch's: it is taken out where it is seen.
cudaError_t taken(cudaError_t status) {
    if (status != cudaSuccess) (void)::cudaGetLastError();
    return status;
}

// One CUDA device, one stream of work, the first error. CUDA keeps a current device for each
// thread, so every call chooses its own first.
class CudaDevice {
public:
    static constexpr int64_t kProductBytes = gpu::kProductBytes;
    static constexpr int kOldest = 75;  // compute capability, x 10

    explicit CudaDevice(int index) : index_(index) {}
    ~CudaDevice() {
        if (stream_ == nullptr || !choose()) return;  // it was not opened, or is lost
        (void)taken(::cudaFree(fault_));
        (void)taken(::cudaStreamDestroy(stream_));
    }

    // Empty, or why there is no device to use.
    std::string open() {
        int count = 0;
        const auto status = taken(::cudaGetDeviceCount(&count));
        if (status != cudaSuccess) return ::cudaGetErrorString(status);
        if (count == 0) return "there is no CUDA device";
        if (index_ >= count)
            return "device " + std::to_string(index_) + " is asked for and there are " +
                   std::to_string(count);
        cudaDeviceProp properties{};
        if (!check(::cudaGetDeviceProperties(&properties, index_), "reading the device"))
            return failure_;
        if (properties.major * 10 + properties.minor < kOldest)
            return std::string(properties.name) + " is too old: int8 tensor cores are needed";
        if (!choose() ||
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
        if (!choose()) return made;
        const auto status = taken(::cudaMalloc(&made, bytes));
        if (status == cudaSuccess) return made;
        if (status == cudaErrorMemoryAllocation) {
            size_t free_bytes = 0, all_bytes = 0;
            (void)taken(::cudaMemGetInfo(&free_bytes, &all_bytes));
            fail_with("the GPU is out of memory: " + std::to_string(bytes) +
                      " bytes more are needed, " + std::to_string(free_bytes) + " of " +
                      std::to_string(all_bytes) + " are free");
        } else {
            check(status, "allocating");
        }
        return nullptr;
    }
    void release(void* at) {
        if (choose()) check(::cudaFree(at), "releasing memory");
    }
    void* allocate_host(size_t bytes) {  // page-locked
        void* made = nullptr;
        if (choose()) check(::cudaMallocHost(&made, bytes), "allocating host memory");
        return made;
    }
    void release_host(void* at) {
        if (at != nullptr && choose()) check(::cudaFreeHost(at), "releasing host memory");
    }
    void upload(void* to, const void* from, size_t bytes) {
        copy(to, from, bytes, cudaMemcpyHostToDevice, "uploading");
    }
    void download(void* to, const void* from, size_t bytes) {
        copy(to, from, bytes, cudaMemcpyDeviceToHost, "downloading");
    }
    void zero(void* at, size_t bytes) {
        if (ready() && choose()) check(::cudaMemsetAsync(at, 0, bytes, stream_), "clearing memory");
    }

    template <class Kernel>
    void launch(int64_t blocks, const Kernel& kernel) {
        if (blocks > INT32_MAX) return fail_with("a tensor is too large for one launch");
        if (!choose()) return;
        const auto grid = static_cast<unsigned>(gpu::device_blocks<Kernel>(blocks));
        gpu::run_blocks<<<grid, gpu::kBlockThreads, 0, stream_>>>(kernel, blocks, fault_);
        check(::cudaGetLastError(), "launching a kernel");
    }
    void products(const gpu::Int8Products& product) {
        if (!choose()) return;
        const std::string problem = products_.run(product, stream_);
        if (!problem.empty()) fail_with(problem);
    }

    bool ready() const { return failure_.empty(); }
    std::string failure() const { return failure_; }
    uint64_t free_bytes() const {
        size_t free = 0, total = 0;
        const bool known = taken(::cudaSetDevice(index_)) == cudaSuccess &&
                           taken(::cudaMemGetInfo(&free, &total)) == cudaSuccess;
        return known ? free : 0;
    }
    uint32_t fault() {
        uint32_t bits = 0;
        download(&bits, fault_, sizeof bits);
        return bits;
    }
    void set_fault() { upload(fault_, &kInfinityBits, sizeof kInfinityBits); }
    void clear_fault() { zero(fault_, sizeof *fault_); }

private:
    // Waits, upwards too: page-locked memory, and any memory that the GPU can read by itself, may
    // be read after the call returns.
    void copy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, const char* what) {
        if (ready() && choose() && check(::cudaMemcpyAsync(to, from, bytes, kind, stream_), what))
            check(::cudaStreamSynchronize(stream_), "computing");
    }
    bool choose() { return check(::cudaSetDevice(index_), "choosing the device"); }
    bool check(cudaError_t status, const char* what) {
        if (taken(status) == cudaSuccess) return true;
        fail_with(std::string("CUDA: ") + what + " failed: " + ::cudaGetErrorString(status));
        return false;
    }
    void fail_with(const std::string& what) {
        if (failure_.empty()) failure_ = what;
    }

    const int index_;
    std::string failure_;
    cudaStream_t stream_ = nullptr;
    uint32_t* fault_ = nullptr;
    gpu::CublasProducts products_;
};

}  // namespace

Result<std::unique_ptr<Backend>> make_cuda_backend(const std::vector<int>& devices) {
    std::vector<std::unique_ptr<CudaDevice>> opened;
    for (const int index : devices) {
        opened.push_back(std::make_unique<CudaDevice>(index));
        const std::string problem = opened.back()->open();
        if (!problem.empty()) return fail(Code::kUnsupported, "no GPU: " + problem);
    }
    if (opened.empty()) return fail(Code::kInvalidArgument, "no device is named");
    std::vector<std::unique_ptr<Backend>> peers;
    for (size_t i = 1; i < opened.size(); ++i)
        peers.push_back(std::make_unique<gpu::GpuBackend<CudaDevice>>(std::move(opened[i])));
    return std::unique_ptr<Backend>(
        std::make_unique<gpu::GpuBackend<CudaDevice>>(std::move(opened[0]), std::move(peers)));
}

int cuda_devices() {
    int count = 0;
    return taken(::cudaGetDeviceCount(&count)) == cudaSuccess ? count : 0;
}

}  // namespace assay::compute
