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

    void multiply(Operand a, const Operand& b, int64_t batch, int slices, const float* bias,
                  const Output& out, Triangle triangle = Triangle::kNone) {
        if (launches_.whole(a.depth) > kMaxContraction) return launches_.device().set_fault();
        if (a.vectors == 0 || b.vectors == 0) return;
        if (triangle != Triangle::kResult) a.triangle = triangle;
        Whole whole;
        whole.triangle = triangle;
        whole.depth = padded(a.depth);
        whole.columns = b.vectors;
        Combine combine{};
        combine.a = pack(a, batch, slices, kScratchA);
        combine.b = pack(b, batch, slices, kScratchB);
        if (triangle == Triangle::kResult)
            launches_.launch(batch, LeftOutResults{combine.a, combine.b, slices, a.depth});
        combine.slices = slices;
        combine.bias = bias;
        combine.c = out.data;
        combine.ldc = out.ldc;
        combine.members = out.members;
        const auto [members, rows] =
            product_part(a.vectors, b.vectors, batch, slices, triangle, Device::kProductBytes);
        whole.products = launches_.template scratch<int32_t>(
            kProducts, members * digit_planes(slices) * rows * combine.b.padded_vectors);
        combine.products = whole.products;
        if (whole.depth > kProductRange || launches_.joins())
            combine.sums =
                launches_.template scratch<int64_t>(kRangeSums, members * rows * b.vectors);
        for (int64_t z = 0; z < batch; z += members) {
            for (int64_t row = 0; row < a.vectors; row += rows) {
                combine.rows = std::min(rows, a.vectors - row);
                combine.first_member = z;
                combine.first_row = row;
                multiply_part(combine, std::min(members, batch - z), whole);
            }
        }
    }

    // With b quantised by its rows, whose scales move into a.
    void multiply_folded(Operand a, Operand b, int64_t batch, int slices, const Output& out,
                         Triangle triangle = Triangle::kNone) {
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
        multiply(a, b, batch, slices, nullptr, out, triangle);
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

    struct Whole {  // of a product that is made in parts
        Triangle triangle;
        int64_t depth, columns;
        int32_t* products;
    };

    // Some members, or some rows of each: every range of the contraction, then the result.
    void multiply_part(Combine combine, int64_t members, const Whole& whole) {
        const int64_t planes = digit_planes(combine.slices), depth = whole.depth;
        const int64_t end = combine.first_row + combine.rows;
        combine.columns = whole.triangle == Triangle::kResult ? end : whole.columns;
        combine.padded_columns = padded(combine.columns);
        const int64_t first = whole.triangle == Triangle::kFrom ? combine.first_row : 0;
        const int64_t stop = whole.triangle == Triangle::kUpTo ? padded(end) : depth;
        const int64_t at = combine.first_member * planes;
        for (int64_t k = first; k < stop && launches_.device().ready(); k += kProductRange) {
            combine.first_range = k == first;
            combine.last_range = k + kProductRange >= stop && !launches_.joins();
            launches_.device().products(
                {combine.a.data + at * combine.a.plane_size() + combine.first_row * depth + k,
                 combine.b.data + at * combine.b.plane_size() + k, whole.products, combine.rows,
                 combine.padded_columns, std::min(kProductRange, stop - k), depth,
                 combine.a.plane_size(), combine.b.plane_size(), members * planes});
            launches_.launch(combine.blocks(members), combine);
        }
        if (!launches_.joins()) return;
        launches_.join_sums(combine.sums, members * combine.rows * combine.columns);
        launches_.launch(combine.blocks(members), FinishProduct{combine});
    }

    Launches<Device>& launches_;
};

}  // namespace assay::compute::gpu
