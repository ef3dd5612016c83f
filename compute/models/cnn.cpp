// The cnn classifier: convolutions of 3 x 3 (one pixel of zeros around) with GELU, then one linear
// layer over what is left of the image, and mean cross-entropy. A row is a pixel, its columns the
// channels. A convolution is a product of patches: P (pixels x 9 channels, order ky, kx, channel) W
// + b. Parameters "conv.<i>.w" (9 inputs x outputs), "conv.<i>.b", "fc.w" (height width channels x
// classes), "fc.b". Initial weights: normalish with std = sqrt(2 / rows of the weight); biases
// zero. Backward: d W = P^T d y, d b = esum over rows, d P = d y W^T; a pixel's gradient is the
// exact sum of its places in d P.
#include <cmath>

#include "compute/models/model.h"
#include "compute/program/builder.h"

namespace assay::compute {
namespace {

// The patches of layer i: convolutions, then the whole image for the linear layer.
std::vector<PatchShape> patch_shapes(const CnnConfig& config, uint32_t batch) {
    PatchShape shape{batch, config.height, config.width, config.channels, 3, 3, 1, 1};
    std::vector<PatchShape> shapes;
    for (size_t i = 0; i < config.filters.size(); ++i) {
        shape.stride = config.strides[i];
        shapes.push_back(shape);
        const int64_t height = shape.out_height(), width = shape.out_width();
        shape.height = height;
        shape.width = width;
        shape.channels = config.filters[i];
    }
    shapes.push_back(
        {batch, shape.height, shape.width, shape.channels, shape.height, shape.width, 1, 0});
    return shapes;
}

}  // namespace

std::vector<ParameterSpec> cnn_parameters(const CnnConfig& config) {
    const std::vector<PatchShape> shapes = patch_shapes(config, 1);
    std::vector<ParameterSpec> specs;
    for (size_t i = 0; i < shapes.size(); ++i) {
        const bool last = i == config.filters.size();
        const std::string name = last ? "fc." : "conv." + std::to_string(i) + ".";
        const int64_t inputs = shapes[i].out_cols();
        const int64_t outputs = last ? config.classes : config.filters[i];
        specs.push_back(
            {name + "w", {inputs, outputs}, true, std::sqrt(2.0 / static_cast<double>(inputs))});
        specs.push_back({name + "b", {outputs}, false, 0});
    }
    return specs;
}

Program cnn_program(const CnnConfig& config, uint32_t batch, int slices, ProgramMode mode) {
    ProgramBuilder builder(mode, slices);
    Program& program = builder.program();
    const std::vector<PatchShape> shapes = patch_shapes(config, batch);
    program.samples =
        builder.input("features", {shapes[0].pixels(), shapes[0].channels}, ElementType::kF32);
    if (mode != ProgramMode::kLogits)
        program.targets = builder.input("targets", {batch}, ElementType::kI32);
    std::vector<TensorId> w, b;
    for (const ParameterSpec& spec : cnn_parameters(config))
        (spec.random ? w : b).push_back(builder.parameter(spec.name, spec.shape));

    const size_t last = w.size() - 1;
    std::vector<TensorId> patches, pre;  // of each layer; before GELU
    TensorId x = program.samples;
    for (size_t i = 0; i < last; ++i) {
        const std::string n = "h." + std::to_string(i) + ".";
        patches.push_back(builder.patches(n + "patches", x, shapes[i]));
        pre.push_back(builder.linear(n + "pre", patches[i], w[i], b[i]));
        x = builder.gelu(n + "gelu", pre[i]);
    }
    patches.push_back(builder.patches("fc.patches", x, shapes[last]));
    program.logits = builder.linear("logits", patches[last], w[last], b[last]);
    if (mode == ProgramMode::kLogits) return builder.take();
    const auto loss = builder.cross_entropy(program.logits, program.targets);
    program.loss = loss.loss;
    if (mode == ProgramMode::kLoss) return builder.take();

    TensorId dy = loss.dlogits;
    for (size_t i = last + 1; i-- > 0;) {
        const std::string n = "d." + (i == last ? "fc" : "conv." + std::to_string(i));
        const TensorId dp = builder.linear_grad(n + ".patches", dy, patches[i], w[i], b[i], i > 0);
        if (i == 0) break;
        const TensorId dx = builder.patches_grad(n + ".x", dp, shapes[i]);
        dy = builder.gelu_grad(n + ".pre", pre[i - 1], dx);
    }
    builder.adamw();
    return builder.take();
}

}  // namespace assay::compute
