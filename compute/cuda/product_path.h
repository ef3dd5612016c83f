// ProductPath: exact products on a Device: largest magnitudes -> digit planes -> int8 products in
// parts that fit scratch -> results. Where rows are joined, magnitudes and int64 sums are those of
// all devices (launches.h); their number depends on the product's result, never on the rows of one
// device. Ownership: the Launches must outlive it. Threads, errors: as Launches.
#pragma once

#include "compute/cuda/launches.h"
#include "compute/cuda/products.h"

namespace assay::compute::gpu {

struct Output {
    float* data;
    int64_t ldc;
    Members members;
};

template <class Device>
class ProductPath {
public:
    explicit ProductPath(Launches<Device>& launches) : launches_(launches) {}

    void multiply(const Operand& a, const Operand& b, int64_t batch, int slices, const float* bias,
                  const Output& out) {
        if (launches_.whole(a.depth) > kMaxContraction) return launches_.device().set_fault();
        if (a.vectors == 0 || b.vectors == 0) return;
        const Planes left = pack(a, batch, slices, kScratchA);
        const Planes right = pack(b, batch, slices, kScratchB);
        const auto [members, rows] =
            product_part(a.vectors, b.vectors, batch, slices, Device::kProductBytes);
        for (int64_t z = 0; z < batch; z += members) {
            for (int64_t row = 0; row < a.vectors; row += rows) {
                Combine combine{};
                combine.rows = std::min(rows, a.vectors - row);
                combine.columns = b.vectors;
                combine.padded_columns = right.padded_vectors;
                combine.first_member = z;
                combine.first_row = row;
                combine.a = left;
                combine.b = right;
                combine.slices = slices;
                combine.bias = bias;
                combine.c = out.data;
                combine.ldc = out.ldc;
                combine.members = out.members;
                multiply_part(combine, std::min(members, batch - z));
            }
        }
    }

    // With b quantised by its rows, whose scales move into a.
    void multiply_folded(Operand a, Operand b, int64_t batch, int slices, const Output& out) {
        Operand turned = b;  // b's rows are its depth
        std::swap(turned.vectors, turned.depth);
        std::swap(turned.vector_stride, turned.depth_stride);
        const int64_t count = batch * b.depth;
        auto* tops = launches_.template scratch<uint32_t>(kFoldTops, count);
        auto* up = launches_.template scratch<float>(kFoldUp, count);
        auto* down = launches_.template scratch<float>(kFoldDown, count);
        find_tops(turned, batch, tops);
        launches_.launch(blocks_of(count, kBlockThreads), Scales{tops, count, slices, up, down});
        a.multiply = up;
        b.multiply = down;
        b.unit_scale = true;
        multiply(a, b, batch, slices, nullptr, out);
    }

private:
    void find_tops(const Operand& operand, int64_t batch, uint32_t* tops) {
        if (operand.vector_stride != 1 || operand.depth_stride == 1)
            return launches_.launch(batch * operand.vectors, RowTops{operand, tops});
        launches_.device().zero(tops, static_cast<size_t>(batch * operand.vectors) * sizeof *tops);
        const ColumnTops kernel{operand, tops};
        launches_.launch(kernel.blocks(batch), kernel);
    }

    struct OperandScratch {
        Scratch planes, tops, up, down;
    };
    static constexpr OperandScratch kScratchA{kPlanesA, kTopsA, kUpA, kDownA};
    static constexpr OperandScratch kScratchB{kPlanesB, kTopsB, kUpB, kDownB};

    Planes pack(const Operand& operand, int64_t batch, int slices, const OperandScratch& number) {
        const int64_t count = batch * operand.vectors;
        Planes to;
        to.vectors = operand.vectors;
        to.padded_vectors = padded(operand.vectors);
        to.padded_depth = padded(operand.depth);
        to.data = launches_.template scratch<int8_t>(
            number.planes, batch * digit_planes(slices) * to.plane_size());
        auto* tops = launches_.template scratch<uint32_t>(number.tops, count);
        find_tops(operand, batch, tops);  // also where the scale is 1: finite values only
        launches_.join_tops(tops, count);
        auto* up = launches_.template scratch<float>(number.up, count);
        auto* down = launches_.template scratch<float>(number.down, count);
        if (!operand.unit_scale) {
            launches_.launch(blocks_of(count, kBlockThreads),
                             Scales{tops, count, slices, up, down});
            to.up = up;
            to.down = down;
        }
        const PackTile kernel{operand, to, slices};
        launches_.launch(kernel.blocks(batch), kernel);
        return to;
    }

    // Some members, or some rows of one: every range of the contraction, then the result.
    void multiply_part(Combine combine, int64_t members) {
        const int64_t planes = digit_planes(combine.slices), depth = combine.a.padded_depth;
        const int64_t results = members * combine.rows * combine.columns;
        auto* products = launches_.template scratch<int32_t>(
            kProducts, members * planes * combine.rows * combine.padded_columns);
        combine.products = products;
        if (depth > kProductRange || launches_.joins())
            combine.sums = launches_.template scratch<int64_t>(kRangeSums, results);
        const int64_t at = combine.first_member * planes;
        for (int64_t k = 0; k < depth && launches_.device().ready(); k += kProductRange) {
            combine.first_range = k == 0;
            combine.last_range = k + kProductRange >= depth && !launches_.joins();
            launches_.device().products(
                {combine.a.data + at * combine.a.plane_size() + combine.first_row * depth + k,
                 combine.b.data + at * combine.b.plane_size() + k, products, combine.rows,
                 combine.padded_columns, std::min(kProductRange, depth - k), depth,
                 combine.a.plane_size(), combine.b.plane_size(), members * planes});
            launches_.launch(combine.blocks(members), combine);
        }
        if (!launches_.joins()) return;
        launches_.join_sums(combine.sums, results);
        launches_.launch(combine.blocks(members), FinishProduct{combine});
    }

    Launches<Device>& launches_;
};

}  // namespace assay::compute::gpu
