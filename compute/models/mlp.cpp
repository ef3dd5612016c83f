// The mlp classifier: layers i = 0..L of y = x W_i + b_i, GELU between them, mean cross-entropy at
// the end. Parameters "fc.<i>.w" (inputs x outputs) and "fc.<i>.b", in that order. Initial weights:
// normalish with std = sqrt(2 / inputs of the layer), a correctly rounded binary64 division and
// square root; biases zero. Backward, last layer first: d x = d y W^T, d W = x^T d y, d b = esum
// over rows.
#include <cmath>

#include "compute/models/model.h"
#include "compute/program/builder.h"

namespace assay::compute {
namespace {

std::vector<int64_t> widths(const MlpConfig& config) {
    std::vector<int64_t> result = {config.inputs};
    for (const uint32_t width : config.hidden) result.push_back(width);
    result.push_back(config.classes);
    return result;
}

}  // namespace

std::vector<ParameterSpec> mlp_parameters(const MlpConfig& config) {
    const std::vector<int64_t> width = widths(config);
    std::vector<ParameterSpec> specs;
    for (size_t i = 0; i + 1 < width.size(); ++i) {
        const std::string n = "fc." + std::to_string(i) + ".";
        const double std = std::sqrt(2.0 / static_cast<double>(width[i]));
        specs.push_back({n + "w", {width[i], width[i + 1]}, true, std});
        specs.push_back({n + "b", {width[i + 1]}, false, 0});
    }
    return specs;
}

Program mlp_program(const MlpConfig& config, uint32_t batch, int slices, ProgramMode mode) {
    ProgramBuilder builder(mode, slices);
    Program& program = builder.program();
    program.samples = builder.input("features", {batch, config.inputs}, ElementType::kF32);
    if (mode != ProgramMode::kLogits)
        program.targets = builder.input("targets", {batch}, ElementType::kI32);
    std::vector<TensorId> w;
    std::vector<TensorId> b;
    for (const ParameterSpec& spec : mlp_parameters(config))
        (spec.random ? w : b).push_back(builder.parameter(spec.name, spec.shape));

    std::vector<TensorId> x = {program.samples};  // input of each layer
    std::vector<TensorId> pre;                    // before GELU
    const size_t last = w.size() - 1;
    for (size_t i = 0; i < last; ++i) {
        const std::string n = "h." + std::to_string(i) + ".";
        pre.push_back(builder.linear(n + "pre", x[i], w[i], b[i]));
        x.push_back(builder.gelu(n + "gelu", pre[i]));
    }
    program.logits = builder.linear("logits", x[last], w[last], b[last]);
    if (mode == ProgramMode::kLogits) return builder.take();
    const auto loss = builder.cross_entropy(program.logits, program.targets);
    program.loss = loss.loss;
    if (mode == ProgramMode::kLoss) return builder.take();

    TensorId dy = loss.dlogits;
    for (size_t i = last + 1; i-- > 0;) {
        const std::string n = "d.fc." + std::to_string(i);
        const TensorId dx = builder.linear_grad(n + ".x", dy, x[i], w[i], b[i], i > 0);
        if (i > 0) dy = builder.gelu_grad(n + ".pre", pre[i - 1], dx);
    }
    builder.adamw();
    return builder.take();
}

}  // namespace assay::compute
