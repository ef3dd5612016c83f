#include "compute/program/scratch.h"

#include <array>
#include <numeric>

namespace assay::compute {
namespace {

using namespace gpu;

// The most of each kind of scratch that any operation needs: it grows and stays.
class ScratchCount {
public:
    ScratchCount(const Program& program, bool joins, int64_t product_bytes)
        : program_(program), joins_(joins), product_bytes_(product_bytes) {}

    uint64_t run() {
        need(kTop, 4);
        need(kSum, 8);
        for (const Operation& operation : program_.operations) count(operation);
        return std::accumulate(bytes_.begin(), bytes_.end(), uint64_t{0});
    }

private:
    void need(Scratch number, int64_t bytes) {
        bytes_[number] = std::max(bytes_[number], static_cast<uint64_t>(bytes));
    }

    void columns(int64_t cols) {
        need(kTops, cols * 4);
        need(kSums, cols * 8);
    }

    void product(int64_t rows, int64_t columns, int64_t depth, int64_t batch, int slices,
                 bool joined, Triangle triangle = Triangle::kNone) {
        const int64_t planes = digit_planes(slices);
        need(kPlanesA, batch * planes * padded(rows) * padded(depth));
        need(kPlanesB, batch * planes * padded(columns) * padded(depth));
        for (const Scratch each : {kTopsA, kUpA, kDownA}) need(each, batch * rows * 4);
        for (const Scratch each : {kTopsB, kUpB, kDownB}) need(each, batch * columns * 4);
        const ProductPart part =
            product_part(rows, columns, batch, slices, triangle, product_bytes_);
        need(kProducts, part.members * planes * part.rows * padded(columns) * 4);
        if (joined || padded(depth) > kProductRange)
            need(kRangeSums, part.members * part.rows * columns * 8);
    }

    void attention(const Operation& operation, bool gradient) {
        const AttentionShape& s = operation.attention;
        const int64_t heads = s.batch * s.heads, t = s.context;
        need(kScores, heads * t * t * 4);
        if (gradient) need(kScoreGrads, heads * t * t * 4);
        product(t, t, s.head_dim, heads, operation.slices, false, Triangle::kResult);
        product(t, s.head_dim, t, heads, operation.slices, false, Triangle::kUpTo);
        if (gradient) return;
        for (const Scratch each : {kFoldUp, kFoldDown, kFoldTops}) need(each, heads * t * 4);
    }

    void count(const Operation& operation) {
        switch (operation.kind) {
            case OpKind::kGemm: {
                const Tensor &a = program_.at(operation.inputs[0]),
                             &c = program_.at(operation.outputs[0]);
                const int64_t depth = operation.transpose_a ? a.rows() : a.cols();
                return product(c.rows(), c.cols(), depth, 1, operation.slices,
                               joins_ && operation.transpose_a);
            }
            case OpKind::kAttention:
            case OpKind::kAttentionGrad:
                return attention(operation, operation.kind == OpKind::kAttentionGrad);
            case OpKind::kLayerNormGrad:
            case OpKind::kRmsNormGrad:
            case OpKind::kColumnSums:
                return columns(program_.at(operation.inputs[0]).cols());
            case OpKind::kScatter:
                return need(kSums, program_.at(operation.outputs[0]).size() * 8);
            case OpKind::kCrossEntropy:
                return need(kRows, program_.at(operation.inputs[0]).rows() * 4);
            default:
                return;  // none
        }
    }

    const Program& program_;
    const bool joins_;
    const int64_t product_bytes_;
    std::array<uint64_t, kScratches> bytes_{};
};

}  // namespace

uint64_t scratch_bytes(const Program& program, bool joins, int64_t product_bytes) {
    return ScratchCount(program, joins, product_bytes).run();
}

}  // namespace assay::compute
