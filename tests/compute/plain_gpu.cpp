#include "tests/compute/plain_gpu.h"

#include <cstring>
#include <map>
#include <string>

#include "compute/cuda/gpu_backend.h"

namespace assay::compute {
namespace {

class HostDevice {
public:
    static constexpr int64_t kProductBytes = kPlainProductBytes;
    static constexpr size_t kAlign = 256;        // as cudaMalloc
    static constexpr size_t kProductAlign = 16;  // what cuBLASLt is promised

    explicit HostDevice(size_t memory_bytes) : free_bytes_(memory_bytes) {}
    std::string_view name() const { return "cuda in plain loops"; }

    void* allocate(size_t bytes) {
        if (bytes > free_bytes_) {
            failure_ = "the device is out of memory: " + std::to_string(bytes) +
                       " bytes more are needed and " + std::to_string(free_bytes_) + " are free";
            return nullptr;
        }
        void* made = std::aligned_alloc(kAlign, (bytes + kAlign - 1) / kAlign * kAlign);
        std::memset(made, 0xA5, bytes);  // nobody may rely on zeros
        sizes_[made] = bytes;
        free_bytes_ -= bytes;
        return made;
    }
    void release(void* at) {
        free_bytes_ += sizes_[at];
        sizes_.erase(at);
        std::free(at);
    }
    void* allocate_host(size_t bytes) { return std::malloc(bytes); }
    void release_host(void* at) { std::free(at); }
    void upload(void* to, const void* from, size_t bytes) {
        if (ready()) std::memcpy(to, from, bytes);
    }
    void download(void* to, const void* from, size_t bytes) {
        if (ready()) std::memcpy(to, from, bytes);
    }
    void zero(void* at, size_t bytes) {
        if (ready()) std::memset(at, 0, bytes);
    }

    template <class Kernel>
    void launch(int64_t blocks, const Kernel& kernel) {
        if (fault_ >= kInfinityBits) return;
        for (int64_t i = 0; i < blocks; ++i) {
            // Odd blocks first, from the end.
            const int64_t odd = blocks / 2;
            const int64_t index = i < odd ? 2 * (odd - i) - 1 : 2 * (i - odd);
            float tile[gpu::TileOf<Kernel>::kFloats];
            kernel(gpu::HostBlock(index, &fault_, tile));
        }
    }

    void products(const gpu::Int8Products& p) {
        if (fault_ >= kInfinityBits) return;
        for (const void* each : {static_cast<const void*>(p.a), static_cast<const void*>(p.b),
                                 static_cast<const void*>(p.c)}) {
            if (reinterpret_cast<uintptr_t>(each) % kProductAlign != 0)
                failure_ = "an operand of a product is not aligned";
        }
        if (p.batch > gpu::kProductBatch)
            failure_ = "a batch of products is too large for one call";
        for (int64_t z = 0; z < p.batch; ++z) {
            for (int64_t i = 0; i < p.rows; ++i) {
                for (int64_t j = 0; j < p.columns; ++j) {
                    int64_t sum = 0;
                    for (int64_t k = 0; k < p.depth; ++k)
                        sum += p.a[z * p.a_member + i * p.stride + k] *
                               p.b[z * p.b_member + j * p.stride + k];
                    if (sum != static_cast<int32_t>(sum)) failure_ = "an int32 sum overflowed";
                    p.c[(z * p.rows + i) * p.columns + j] = static_cast<int32_t>(sum);
                }
            }
        }
    }

    bool ready() const { return failure_.empty(); }
    std::string failure() const { return failure_; }
    uint64_t free_bytes() const { return free_bytes_; }
    uint32_t fault() const { return fault_; }
    void set_fault() { fault_ = kInfinityBits; }
    void clear_fault() { fault_ = 0; }

private:
    size_t free_bytes_;
    std::map<void*, size_t> sizes_;
    uint32_t fault_ = 0;
    std::string failure_;
};

}  // namespace

std::unique_ptr<Backend> make_plain_gpu(size_t memory_bytes) {
    return make_plain_gpus({memory_bytes});
}

std::unique_ptr<Backend> make_plain_gpus(const std::vector<size_t>& memory_bytes) {
    const auto make = [](size_t bytes, std::vector<std::unique_ptr<Backend>> peers) {
        return std::make_unique<gpu::GpuBackend<HostDevice>>(std::make_unique<HostDevice>(bytes),
                                                             std::move(peers));
    };
    std::vector<std::unique_ptr<Backend>> peers;
    for (size_t i = 1; i < memory_bytes.size(); ++i) peers.push_back(make(memory_bytes[i], {}));
    return make(memory_bytes.at(0), std::move(peers));
}

}  // namespace assay::compute
