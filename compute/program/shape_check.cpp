#include "compute/program/shape_check.h"

#include <array>

namespace assay::compute {
namespace {

struct Arity {
    size_t inputs, outputs;
};

// In the order of OpKind. kGemm may have one more input (bias); kAdamW has four per parameter.
constexpr std::array<Arity, kOpKinds> kArity = {
    {{3, 1}, {3, 3}, {4, 3}, {2, 1}, {1, 1}, {2, 1}, {2, 1}, {1, 1}, {1, 2}, {3, 1}, {2, 2}, {2, 1},
     {2, 3}, {4, 2}, {2, 1}, {3, 2}, {4, 1}, {2, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, {0, 1}}};

class ShapeCheck {
public:
    ShapeCheck(const Program& program, const Operation& operation)
        : program_(program), operation_(operation) {}

    std::string run() {
        if (!arity_holds()) return "wrong number of operands";
        for (const TensorId id : operation_.outputs) {
            if (program_.at(id).type != ElementType::kF32) return "result is not binary32";
        }
        return rule() ? "" : "operand shapes or types do not agree";
    }

private:
    const Tensor& in(size_t i) const { return program_.at(operation_.inputs[i]); }
    const Tensor& out(size_t i) const { return program_.at(operation_.outputs[i]); }
    static bool same(const Tensor& a, const Tensor& b) {
        return a.size() == b.size() && a.cols() == b.cols();
    }
    static bool index(const Tensor& t, int64_t rows) {
        return t.type == ElementType::kI32 && t.size() == rows;
    }

    bool arity_holds() const {
        const Arity arity = kArity[static_cast<size_t>(operation_.kind)];
        const size_t inputs = operation_.inputs.size();
        if (operation_.outputs.size() != arity.outputs) return false;
        if (operation_.kind == OpKind::kAdamW) return inputs == 4 * program_.parameters.size();
        if (operation_.kind == OpKind::kGemm && inputs == 3) return true;
        if (operation_.kind == OpKind::kEmbedding && inputs == 2) return true;
        return inputs == arity.inputs;
    }

    bool gemm() const {
        const Tensor &a = in(0), &b = in(1), &c = out(0);
        const int64_t m = operation_.transpose_a ? a.cols() : a.rows();
        const int64_t k = operation_.transpose_a ? a.rows() : a.cols();
        const int64_t k2 = operation_.transpose_b ? b.cols() : b.rows();
        const int64_t n = operation_.transpose_b ? b.rows() : b.cols();
        if (operation_.inputs.size() == 3 && in(2).size() != n) return false;
        return k == k2 && c.rows() == m && c.cols() == n && operation_.slices >= 1 &&
               operation_.slices <= 3;
    }

    bool attention_fits(const Tensor& qkv, const Tensor& o, const Tensor& p) const {
        const AttentionShape& s = operation_.attention;
        return qkv.rows() == s.rows() && qkv.cols() == 3 * s.width() && o.rows() == s.rows() &&
               o.cols() == s.width() && p.size() == s.batch * s.heads * s.context * s.context;
    }

    bool rule() const {
        switch (operation_.kind) {
            case OpKind::kEmbedding:
                return embedding();
            case OpKind::kLayerNorm:
                return in(1).size() == in(0).cols() && in(2).size() == in(0).cols() &&
                       same(out(0), in(0)) && same(out(1), in(0)) && out(2).size() == in(0).rows();
            case OpKind::kLayerNormGrad:
                return in(1).size() == in(0).cols() && same(in(2), in(0)) &&
                       in(3).size() == in(0).rows() && same(out(0), in(0)) &&
                       out(1).size() == in(0).cols() && out(2).size() == in(0).cols();
            case OpKind::kGemm:
                return gemm();
            case OpKind::kGelu:
                return same(in(0), out(0));
            case OpKind::kGeluGrad:
            case OpKind::kAdd:
                return same(in(0), in(1)) && same(in(0), out(0));
            case OpKind::kColumnSums:
                return out(0).size() == in(0).cols();
            case OpKind::kAttention:
                return attention_fits(in(0), out(0), out(1));
            case OpKind::kAttentionGrad:
                return attention_fits(in(1), in(0), in(2)) && same(in(1), out(0));
            case OpKind::kCrossEntropy:
                return index(in(1), in(0).rows()) && out(0).size() == 1 && same(in(0), out(1));
            case OpKind::kScatter:
                return index(in(1), in(0).rows()) && out(0).cols() == in(0).cols();
            case OpKind::kRmsNorm:
                return in(1).size() == in(0).cols() && same(out(0), in(0)) && same(out(1), in(0)) &&
                       out(2).size() == in(0).rows();
            case OpKind::kRmsNormGrad:
                return in(1).size() == in(0).cols() && same(in(2), in(0)) &&
                       in(3).size() == in(0).rows() && same(out(0), in(0)) &&
                       out(1).size() == in(0).cols();
            case OpKind::kSwiGlu:
                return same(in(0), in(1)) && same(in(0), out(0));
            case OpKind::kSwiGluGrad:
                return same(in(0), in(1)) && same(in(0), in(2)) && same(in(0), out(0)) &&
                       same(in(0), out(1));
            case OpKind::kRotary:
                return rotary(out(0), in(0), in(1), in(2), in(3));
            case OpKind::kRotaryGrad:
                return rotary(in(0), out(0), out(1), out(2), in(1));
            case OpKind::kPatches:
                return patches(in(0), out(0));
            case OpKind::kPatchesGrad:
                return patches(out(0), in(0));
            case OpKind::kToHost:
                return same(in(0), out(0)) && out(0).kind == TensorKind::kHost;
            case OpKind::kFromHost:
                return same(in(0), out(0)) && in(0).kind == TensorKind::kHost;
            case OpKind::kAdamW:
                return adamw();
        }
        return false;
    }

    bool embedding() const {
        const bool positions = operation_.inputs.size() == 3;
        if (positions && (in(1).cols() != out(0).cols() || out(0).rows() % in(1).rows() != 0))
            return false;
        return in(0).cols() == out(0).cols() && index(in(positions ? 2 : 1), out(0).rows());
    }

    bool rotary(const Tensor& qkv, const Tensor& q, const Tensor& k, const Tensor& v,
                const Tensor& table) const {
        const AttentionShape& s = operation_.attention;
        const int64_t kv = operation_.kv_heads;
        return kv > 0 && s.heads % kv == 0 && s.head_dim % 2 == 0 && qkv.rows() == s.rows() &&
               qkv.cols() == 3 * s.width() && q.rows() == s.rows() && q.cols() == s.width() &&
               k.rows() == s.rows() && k.cols() == kv * s.head_dim && same(k, v) &&
               table.rows() == s.context && table.cols() == s.head_dim;
    }

    bool patches(const Tensor& x, const Tensor& cut) const {
        const PatchShape& s = operation_.patches;
        // No pixel may be part of more patches than a sum has room for.
        const bool whole = s.kernel_height == s.height && s.kernel_width == s.width && s.pad == 0;
        const bool small = s.kernel_height * s.kernel_width <= kMaxPatchTaps;
        return s.stride >= 1 && s.pad >= 0 && (whole || small) && s.out_height() >= 1 &&
               s.out_width() >= 1 && x.rows() == s.pixels() && x.cols() == s.channels &&
               cut.rows() == s.out_rows() && cut.cols() == s.out_cols();
    }

    bool adamw() const {
        for (size_t i = 0; i < operation_.inputs.size(); i += 4) {
            for (size_t j = 1; j < 4; ++j) {
                if (!same(in(i), in(i + j))) return false;
            }
        }
        return out(0).size() == 1;
    }

    const Program& program_;
    const Operation& operation_;
};

}  // namespace

std::string shape_problem(const Program& program, const Operation& operation) {
    return ShapeCheck(program, operation).run();
}

}  // namespace assay::compute
