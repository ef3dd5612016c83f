// DeviceTeam: the threads that block.h calls a block, as CUDA threads: a block of kBlockThreads,
// or, for kernels that say kOneWarp, one of its warps. Every member is called by all threads of the
// team. Device code only; errors as in block.h.
#pragma once

#include "compute/cuda/block.h"

namespace assay::compute::gpu {

inline constexpr int kWarp = 32, kWarps = kBlockThreads / kWarp;

template <int kThreads>
class DeviceTeam {
public:
    static_assert(kThreads == kBlockThreads || kThreads == kWarp);

    // tile and slots: shared memory of a block; a warp has neither.
    __device__ DeviceTeam(uint32_t* fault, float* tile, int64_t* slots)
        : fault_(fault), tile_(tile), slots_(slots) {}

    __device__ int64_t index() const {
        if constexpr (kThreads == kBlockThreads) return blockIdx.x;
        return int64_t{blockIdx.x} * kWarps + threadIdx.x / kWarp;
    }
    __device__ float* tile() const { return tile_; }

    template <class Turn>
    __device__ void each(int64_t n, Turn turn) const {
        for (int i = rank(); i < static_cast<int>(n); i += kThreads) turn(i);
        barrier();
    }
    template <class Turn>
    __device__ void once(Turn turn) const {
        if (rank() == 0) turn();
        barrier();
    }
    template <class Value>
    __device__ uint32_t max_bits(int64_t n, Value value) const {
        uint32_t top = 0;
        for (int i = rank(); i < static_cast<int>(n); i += kThreads) top = larger(top, value(i));
        return joined(top, [](uint32_t a, uint32_t b) { return larger(a, b); });
    }
    template <class Value>
    __device__ float max_float(int64_t n, float least, Value value) const {
        for (int i = rank(); i < static_cast<int>(n); i += kThreads)
            least = larger(least, value(i));
        return joined(least, [](float a, float b) { return larger(a, b); });
    }
    template <class Value>
    __device__ int64_t sum(int64_t n, Value value) const {
        int64_t total = 0;
        for (int i = rank(); i < static_cast<int>(n); i += kThreads) total += value(i);
        return joined(total, [](int64_t a, int64_t b) { return a + b; });
    }
    __device__ void note(uint32_t bits) const {
        if (bits >= kInfinityBits) atomicMax(fault_, kInfinityBits);
    }
    __device__ void atomic_max(uint32_t* at, uint32_t bits) const { atomicMax(at, bits); }
    __device__ void atomic_add(int64_t* at, int64_t value) const {
        // Two's complement: the unsigned sum has the bits of the signed one.
        atomicAdd(reinterpret_cast<unsigned long long*>(at),
                  static_cast<unsigned long long>(value));
    }

private:
    static __device__ int rank() { return static_cast<int>(threadIdx.x % kThreads); }
    static __device__ void barrier() {
        if constexpr (kThreads == kBlockThreads)
            __syncthreads();
        else
            __syncwarp();
    }
    template <class T>
    static __device__ T larger(T a, T b) {
        return b > a ? b : a;
    }
    // Of all threads' values, the same in every thread. The barriers let the slots be used again.
    template <class T, class Join>
    __device__ T joined(T mine, Join join) const {
        for (int distance = kWarp / 2; distance > 0; distance /= 2)
            mine = join(mine, __shfl_xor_sync(0xFFFFFFFFU, mine, distance));
        if constexpr (kThreads == kWarp) return mine;
        T* slots = reinterpret_cast<T*>(slots_);
        if (threadIdx.x % kWarp == 0) slots[threadIdx.x / kWarp] = mine;
        __syncthreads();
        T all = slots[0];
        for (int i = 1; i < kWarps; ++i) all = join(all, slots[i]);
        __syncthreads();
        return all;
    }

    uint32_t* fault_;
    float* tile_;
    int64_t* slots_;  // kWarps of shared memory
};

template <class Kernel>
concept OneWarp = requires {
    requires Kernel::kOneWarp;
};

// CUDA blocks for so many blocks of a kernel.
template <class Kernel>
int64_t device_blocks(int64_t blocks) {
    return OneWarp<Kernel> ? (blocks + kWarps - 1) / kWarps : blocks;
}

// Does nothing once a fault is noted: what follows would compute on unspecified values.
template <class Kernel>
__global__ void __launch_bounds__(kBlockThreads)
    run_blocks(const Kernel kernel, int64_t blocks, uint32_t* fault) {
    __shared__ bool stopped;  // one look for all threads: they must leave together
    if (threadIdx.x == 0) stopped = *static_cast<volatile uint32_t*>(fault) >= kInfinityBits;
    __syncthreads();
    if (stopped) return;
    if constexpr (OneWarp<Kernel>) {
        const DeviceTeam<kWarp> warp(fault, nullptr, nullptr);
        if (warp.index() < blocks) kernel(warp);
    } else {
        __shared__ float tile[TileOf<Kernel>::kFloats];
        __shared__ int64_t slots[kWarps];
        kernel(DeviceTeam<kBlockThreads>(fault, tile, slots));
    }
}

}  // namespace assay::compute::gpu
