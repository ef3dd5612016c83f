#include "compute/program/split.h"

#include <algorithm>

namespace assay::compute {
namespace {

class Splitter {
public:
    explicit Splitter(const Program& program)
        : program_(program), is_split_(program.tensors.size()) {
        for (size_t id = 0; id < program.tensors.size(); ++id)
            is_split_[id] = program.tensors[id].kind == TensorKind::kInput;
    }

    Result<std::vector<bool>> run() {
        std::vector<bool> joined;
        for (const Operation& operation : program_.operations) {
            joined.push_back(false);
            if (!has_split(operation)) continue;  // whole in, whole out
            const Kind kind = kind_of(operation);
            if (kind == Kind::kUnknown)
                return fail(Code::kUnsupported, "a batch cannot be split over devices: " +
                                                    std::string(op_name(operation.kind)) + " to " +
                                                    program_.at(operation.outputs[0]).name);
            joined.back() = kind != Kind::kLocal;
            for (size_t i = 0; i < operation.outputs.size(); ++i)
                is_split_[operation.outputs[i]] = kind == Kind::kLocal || stays_split(operation, i);
        }
        return joined;
    }

private:
    enum class Kind { kLocal, kJoined, kUnknown };

    bool split(const Operation& operation, size_t i) const {
        return i < operation.inputs.size() && is_split_[operation.inputs[i]];
    }
    bool has_split(const Operation& operation) const {
        return std::any_of(operation.inputs.begin(), operation.inputs.end(),
                           [&](TensorId id) { return is_split_[id]; });
    }
    // Whether exactly these operands are split: bit i for operand i.
    bool are_split(const Operation& operation, uint32_t which) const {
        for (size_t i = 0; i < operation.inputs.size(); ++i)
            if (split(operation, i) != ((which >> i & 1) != 0)) return false;
        return true;
    }
    // Of a joined operation: the gradient of the rows, beside sums over them.
    static bool stays_split(const Operation& operation, size_t output) {
        switch (operation.kind) {
            case OpKind::kLayerNormGrad:
            case OpKind::kRmsNormGrad:
                return output == 0;
            case OpKind::kCrossEntropy:
                return output == 1;
            default:
                return false;
        }
    }

    Kind kind_of(const Operation& operation) const {
        const auto known = [&](uint32_t which, Kind kind) {
            return are_split(operation, which) ? kind : Kind::kUnknown;
        };
        switch (operation.kind) {
            case OpKind::kGemm:
                if (!operation.transpose_a) return known(0b001, Kind::kLocal);
                return operation.transpose_b ? Kind::kUnknown : known(0b011, Kind::kJoined);
            case OpKind::kEmbedding:
                return known(1U << (operation.inputs.size() - 1), Kind::kLocal);
            case OpKind::kLayerNorm:
            case OpKind::kRmsNorm:
                return known(0b001, Kind::kLocal);
            case OpKind::kLayerNormGrad:
            case OpKind::kRmsNormGrad:
                return known(0b1101, Kind::kJoined);
            case OpKind::kColumnSums:
                return Kind::kJoined;
            case OpKind::kScatter:
            case OpKind::kCrossEntropy:
                return known(0b11, Kind::kJoined);
            case OpKind::kRotary:
                return known(0b0111, Kind::kLocal);
            case OpKind::kRotaryGrad:
            case OpKind::kGelu:
            case OpKind::kPatches:
            case OpKind::kPatchesGrad:
            case OpKind::kToHost:
            case OpKind::kFromHost:
            case OpKind::kAttention:
                return known(0b1, Kind::kLocal);
            case OpKind::kGeluGrad:
            case OpKind::kAdd:
            case OpKind::kSwiGlu:
                return known(0b11, Kind::kLocal);
            case OpKind::kSwiGluGrad:
            case OpKind::kAttentionGrad:
                return known(0b111, Kind::kLocal);
            case OpKind::kAdamW:
                return Kind::kUnknown;
        }
        return Kind::kUnknown;
    }

    const Program& program_;
    std::vector<bool> is_split_;  // per tensor; else whole on every device
};

}  // namespace

Result<std::vector<bool>> joined_operations(const Program& program) {
    return Splitter(program).run();
}

}  // namespace assay::compute
