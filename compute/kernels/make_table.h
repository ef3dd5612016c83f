// Fills a KernelTable from the generic kernels for lane type L. Internal to kernel files.
// Threads: pure. Errors: none.
#pragma once

#include "compute/kernels/elementwise_kernels.h"
#include "compute/kernels/kernel_table.h"
#include "compute/kernels/layer_kernels.h"
#include "compute/kernels/llama_kernels.h"
#include "compute/kernels/pack_kernels.h"
#include "compute/kernels/reduce_kernels.h"

namespace assay::compute {

struct GemmKernels {
    int64_t tile_rows, tile_cols, group_rows;
    Bits (*pack)(const PackJob&);
    Bits (*tile)(const TileJob&);
    int64_t depth_block = 512;  // a panel of B is 16 KiB then
};

template <class L>
constexpr KernelTable make_table(const GemmKernels& gemm) {
    KernelTable table{};
    table.max_abs = ReduceKernels<L>::max_abs;
    table.sum = ReduceKernels<L>::sum;
    table.sum_squares = ReduceKernels<L>::sum_squares;
    table.column_sums = ReduceKernels<L>::column_sums;
    table.scatter = ReduceKernels<L>::scatter;
    table.gelu = ElementwiseKernels<L>::gelu;
    table.gelu_grad = ElementwiseKernels<L>::gelu_grad;
    table.add = ElementwiseKernels<L>::add;
    table.adamw = ElementwiseKernels<L>::adamw;
    table.layernorm = LayerKernels<L>::layernorm;
    table.layernorm_grad = LayerKernels<L>::layernorm_grad;
    table.softmax = LayerKernels<L>::softmax;
    table.softmax_grad = LayerKernels<L>::softmax_grad;
    table.cross_entropy = LayerKernels<L>::cross_entropy;
    table.rmsnorm = LlamaKernels<L>::rmsnorm;
    table.rmsnorm_grad = LlamaKernels<L>::rmsnorm_grad;
    table.swiglu = LlamaKernels<L>::swiglu;
    table.swiglu_grad = LlamaKernels<L>::swiglu_grad;
    table.rotary = LlamaKernels<L>::rotary;
    table.rotary_grad = LlamaKernels<L>::rotary_grad;
    table.tile_rows = gemm.tile_rows;
    table.tile_cols = gemm.tile_cols;
    table.group_rows = gemm.group_rows;
    table.pack = gemm.pack;
    table.tile = gemm.tile;
    table.depth_block = gemm.depth_block;
    // A lambda of this template, so that each object file has its own copy.
    table.units = [](int64_t depth, int slices) { return pack_units(depth, slices); };
    return table;
}

// Products by the tile T, which says its sizes and may have its own count of units.
template <class L, class T>
constexpr KernelTable make_table(Bits (*pack)(const PackJob&)) {
    KernelTable table = make_table<L>(
        GemmKernels{T::kRows, T::kCols, T::kGroupRows, pack, T::tile, T::kDepthBlock});
    if constexpr (requires { T::units(0, 0); }) table.units = T::units;
    return table;
}

}  // namespace assay::compute
