// A block of threads as the kernels see it: loops whose turns run in any order, and exact
// reductions. Kernels are function objects over a Block, so one source serves the device and the
// host: DeviceTeam (device_block.cuh) gives the turns of a loop to threads, HostBlock runs them
// one by one in a scrambled order, which finds what depends on the order.
//
// Rules for kernels: every loop ends with a barrier and has less than 2^31 turns; a turn writes
// memory, never variables outside it; sums and maxima are integers, so their order is free. A
// kernel with kOneWarp runs on one warp and has no tile: for rows that keep 32 threads busy but not
// 256. There are less than 2^31 blocks: their numbers are divided as 32 bits, since a division of
// 64 costs a hundred instructions. Threads: a HostBlock belongs to one.
// Errors: note() with the bits of a magnitude; not finite is a fault (kernel_table.h).
#pragma once

#include "compute/arithmetic/scalar.h"
#include "compute/arithmetic/trees.h"

#if defined(__CUDA_ARCH__)
#define ASSAY_UNROLL _Pragma("unroll")
#else
#define ASSAY_UNROLL
#endif

namespace assay::compute::gpu {

// Of 0 <= a < 2^31 and 0 < b < 2^31.
ASSAY_HD int64_t quotient(int64_t a, int64_t b) {
    return static_cast<uint32_t>(a) / static_cast<uint32_t>(b);
}
ASSAY_HD int64_t remainder(int64_t a, int64_t b) {
    return static_cast<uint32_t>(a) % static_cast<uint32_t>(b);
}

ASSAY_HD int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

inline constexpr int kBlockThreads = 256;
inline constexpr int kTile = 32;                         // side of a tile in shared memory
inline constexpr int kTileFloats = kTile * (kTile + 1);  // padded: no two rows share a bank

// The tile that a kernel gets: kTileFloats, unless it names another size.
template <class Kernel>
struct TileOf {
    static constexpr int kFloats = kTileFloats;
};
template <class Kernel>
requires requires {
    Kernel::kTileFloats;
}
struct TileOf<Kernel> {
    static constexpr int kFloats = Kernel::kTileFloats;
};

class HostBlock {
public:
    HostBlock(int64_t index, uint32_t* fault, float* tile)
        : index_(index), fault_(fault), tile_(tile) {}

    int64_t index() const { return index_; }
    float* tile() const { return tile_; }  // shared memory

    // turn(i) for 0 <= i < n, in any order; all are done when it returns.
    template <class Turn>
    void each(int64_t n, Turn turn) const {
        for (int64_t i = 0; i < n; ++i) turn(scrambled(i, n));
    }
    template <class Turn>
    void once(Turn turn) const {
        turn();
    }
    // The largest value(i), for all threads to see.
    template <class Value>
    uint32_t max_bits(int64_t n, Value value) const {
        uint32_t top = 0;
        for (int64_t i = 0; i < n; ++i) {
            const uint32_t bits = value(scrambled(i, n));
            top = bits > top ? bits : top;
        }
        return top;
    }
    // The same for floats, not for NaN; at least `least`.
    template <class Value>
    float max_float(int64_t n, float least, Value value) const {
        for (int64_t i = 0; i < n; ++i) {
            const float x = value(scrambled(i, n));
            least = x > least ? x : least;
        }
        return least;
    }
    template <class Value>
    int64_t sum(int64_t n, Value value) const {
        int64_t total = 0;
        for (int64_t i = 0; i < n; ++i) total += value(scrambled(i, n));
        return total;
    }
    void note(uint32_t bits) const {
        if (bits >= kInfinityBits) *fault_ = kInfinityBits;
    }
    // To memory that other blocks write too.
    void atomic_max(uint32_t* at, uint32_t bits) const { *at = bits > *at ? bits : *at; }
    void atomic_add(int64_t* at, int64_t value) const { *at += value; }

private:
    // A permutation of 0 .. n - 1: from the end, even ones first.
    static int64_t scrambled(int64_t i, int64_t n) {
        const int64_t even = (n + 1) / 2;
        return n - 1 - (i < even ? 2 * i : 2 * (i - even) + 1);
    }
    int64_t index_;
    uint32_t* fault_;
    float* tile_;
};

struct BlockSum {
    float value;
    uint32_t bits;  // the largest magnitude met
};

// esum of value(0) .. value(n - 1) by one block; value() is evaluated twice for each.
template <class Block, class Value>
ASSAY_HD BlockSum exact_sum(const Block& block, int64_t n, Value value) {
    const uint32_t top = block.max_bits(n, [&](int64_t i) { return abs_bits(value(i)); });
    const SumScale scale = sum_scale(top);
    if (scale.up == 0.0F) return {0.0F, top};
    const int64_t sum = block.sum(n, [&](int64_t i) { return int64_t{rne(value(i) * scale.up)}; });
    const float result = sum_result(sum, scale);
    return {result, abs_bits(result) > top ? abs_bits(result) : top};
}

}  // namespace assay::compute::gpu
