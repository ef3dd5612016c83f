#include "compute/program/program.h"

#include <array>

#include "compute/program/shape_check.h"

namespace assay::compute {

int64_t Tensor::size() const {
    int64_t n = 1;
    for (const int64_t extent : shape) n *= extent;
    return n;
}

std::string_view op_name(OpKind kind) {
    constexpr std::array<std::string_view, kOpKinds> names = {
        "embedding",     "layernorm", "layernorm_grad", "gemm",         "gelu",
        "gelu_grad",     "add",       "column_sums",    "attention",    "attention_grad",
        "cross_entropy", "scatter",   "rmsnorm",        "rmsnorm_grad", "swiglu",
        "swiglu_grad",   "rotary",    "rotary_grad",    "patches",      "patches_grad",
        "to_host",       "from_host", "adamw"};
    const auto index = static_cast<size_t>(kind);
    return index < names.size() ? names[index] : "unknown";
}

uint64_t macs(const Program& program, const Operation& operation) {
    const AttentionShape& s = operation.attention;
    const auto product = static_cast<uint64_t>(s.batch) * static_cast<uint64_t>(s.heads) *
                         static_cast<uint64_t>(s.context) * static_cast<uint64_t>(s.context) *
                         static_cast<uint64_t>(s.head_dim);
    switch (operation.kind) {
        case OpKind::kGemm: {
            const Tensor& a = program.at(operation.inputs[0]);
            const Tensor& c = program.at(operation.outputs[0]);
            const int64_t inner = operation.transpose_a ? a.rows() : a.cols();
            return static_cast<uint64_t>(c.size()) * static_cast<uint64_t>(inner);
        }
        case OpKind::kAttention:
            return 2 * product;  // scores, weighted values
        case OpKind::kAttentionGrad:
            return 4 * product;  // dV, dP, dQ, dK
        default:
            return 0;
    }
}

uint64_t macs(const Program& program) {
    uint64_t total = 0;
    for (const Operation& operation : program.operations) total += macs(program, operation);
    return total;
}

Status check(const Program& program) {
    std::vector<bool> ready(program.tensors.size(), false);
    for (size_t id = 0; id < program.tensors.size(); ++id) {
        const TensorKind kind = program.tensors[id].kind;
        ready[id] = kind != TensorKind::kActivation && kind != TensorKind::kGradient &&
                    kind != TensorKind::kHost;
    }
    for (size_t i = 0; i < program.operations.size(); ++i) {
        const Operation& operation = program.operations[i];
        const auto wrong = [&](const std::string& what) {
            return fail(Code::kInternal, "program operation " + std::to_string(i) + " (" +
                                             std::string(op_name(operation.kind)) + "): " + what);
        };
        for (const TensorId id : operation.inputs) {
            if (id >= program.tensors.size()) return wrong("operand does not exist");
            if (!ready[id]) return wrong("reads " + program.at(id).name + " before it is written");
        }
        for (const TensorId id : operation.outputs) {
            if (id >= program.tensors.size()) return wrong("result does not exist");
            if (ready[id]) return wrong("writes " + program.at(id).name + " a second time");
            ready[id] = true;
        }
        const std::string problem = shape_problem(program, operation);
        if (!problem.empty()) return wrong(problem);
    }
    return {};
}

std::string describe(const Program& program) {
    const auto operand = [&](TensorId id) {
        const Tensor& tensor = program.at(id);
        std::string text = " " + tensor.name + "(";
        for (size_t i = 0; i < tensor.shape.size(); ++i)
            text += (i == 0 ? "" : ",") + std::to_string(tensor.shape[i]);
        return text + ")";
    };
    std::string text;
    for (size_t i = 0; i < program.operations.size(); ++i) {
        const Operation& operation = program.operations[i];
        text += std::to_string(i) + " " + std::string(op_name(operation.kind));
        if (operation.transpose_a) text += " a^T";
        if (operation.transpose_b) text += " b^T";
        text += ":";
        for (const TensorId id : operation.inputs) text += operand(id);
        text += " ->";
        for (const TensorId id : operation.outputs) text += operand(id);
        text += "\n";
    }
    return text;
}

}  // namespace assay::compute
