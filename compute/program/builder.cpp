#include "compute/program/builder.h"

namespace assay::compute {

ProgramBuilder::ProgramBuilder(ProgramMode mode, int slices) : slices_(slices) {
    program_.mode = mode;
}

TensorId ProgramBuilder::tensor(const std::string& name, std::vector<int64_t> shape,
                                TensorKind kind, ElementType type) {
    program_.tensors.push_back({name, std::move(shape), kind, type});
    return static_cast<TensorId>(program_.tensors.size() - 1);
}

TensorId ProgramBuilder::activation(const std::string& name, std::vector<int64_t> shape) {
    return tensor(name, std::move(shape), TensorKind::kActivation);
}

TensorId ProgramBuilder::like(const std::string& name, TensorId other) {
    return activation(name, at(other).shape);
}

Operation& ProgramBuilder::append(OpKind kind, std::vector<TensorId> inputs,
                                  std::vector<TensorId> outputs) {
    Operation operation;
    operation.kind = kind;
    operation.inputs = std::move(inputs);
    operation.outputs = std::move(outputs);
    program_.operations.push_back(std::move(operation));
    return program_.operations.back();
}

TensorId ProgramBuilder::input(const std::string& name, std::vector<int64_t> shape,
                               ElementType type) {
    return tensor(name, std::move(shape), TensorKind::kInput, type);
}

TensorId ProgramBuilder::parameter(const std::string& name, std::vector<int64_t> shape) {
    ProgramParameter parameter;
    parameter.decays = shape.size() == 2;
    if (program_.mode == ProgramMode::kTrain) {
        parameter.gradient = tensor("d." + name, shape, TensorKind::kGradient);
        parameter.m = tensor("m." + name, shape, TensorKind::kMoment);
        parameter.v = tensor("v." + name, shape, TensorKind::kMoment);
    }
    parameter.value = tensor(name, std::move(shape), TensorKind::kParameter);
    program_.parameters.push_back(parameter);
    return parameter.value;
}

TensorId ProgramBuilder::gradient(TensorId parameter) {
    for (const ProgramParameter& candidate : program_.parameters) {
        if (candidate.value == parameter) return candidate.gradient;
    }
    return kNoTensor;
}

TensorId ProgramBuilder::embedding(TensorId wte, TensorId wpe, TensorId tokens) {
    const TensorId x = activation("x", {at(tokens).size(), at(wte).cols()});
    std::vector<TensorId> inputs = {wte};
    if (wpe != kNoTensor) inputs.push_back(wpe);
    inputs.push_back(tokens);
    append(OpKind::kEmbedding, std::move(inputs), {x});
    return x;
}

TensorId ProgramBuilder::constant(const std::string& name, std::vector<int64_t> shape,
                                  std::vector<float> values) {
    const TensorId id = tensor(name, std::move(shape), TensorKind::kConstant);
    program_.constants.emplace(id, std::move(values));
    return id;
}

ProgramBuilder::Norm ProgramBuilder::rmsnorm(const std::string& name, TensorId x, TensorId gain,
                                             float eps) {
    Norm norm{};
    norm.y = like(name, x);
    norm.xhat = like(name + ".xhat", x);
    norm.rstd = activation(name + ".rstd", {at(x).rows()});
    append(OpKind::kRmsNorm, {x, gain}, {norm.y, norm.xhat, norm.rstd}).eps = eps;
    return norm;
}

TensorId ProgramBuilder::rmsnorm_grad(const std::string& name, TensorId dy, TensorId gain,
                                      const Norm& saved) {
    const TensorId dx = like(name, dy);
    append(OpKind::kRmsNormGrad, {dy, gain, saved.xhat, saved.rstd}, {dx, gradient(gain)});
    return dx;
}

TensorId ProgramBuilder::swiglu(const std::string& name, TensorId gate, TensorId up) {
    const TensorId h = like(name, gate);
    append(OpKind::kSwiGlu, {gate, up}, {h});
    return h;
}

std::pair<TensorId, TensorId> ProgramBuilder::swiglu_grad(const std::string& name, TensorId gate,
                                                          TensorId up, TensorId dh) {
    const TensorId dgate = like(name + ".gate", gate), dup = like(name + ".up", up);
    append(OpKind::kSwiGluGrad, {gate, up, dh}, {dgate, dup});
    return {dgate, dup};
}

TensorId ProgramBuilder::rotary(const std::string& name, TensorId q, TensorId k, TensorId v,
                                TensorId table, const AttentionShape& shape, int64_t kv_heads) {
    const TensorId qkv = activation(name, {shape.rows(), 3 * shape.width()});
    Operation& operation = append(OpKind::kRotary, {q, k, v, table}, {qkv});
    operation.attention = shape;
    operation.kv_heads = kv_heads;
    return qkv;
}

ProgramBuilder::Qkv ProgramBuilder::rotary_grad(const std::string& name, TensorId dqkv,
                                                TensorId table, const AttentionShape& shape,
                                                int64_t kv_heads) {
    const int64_t kv = kv_heads * shape.head_dim;
    const Qkv out{activation(name + ".q", {shape.rows(), shape.width()}),
                  activation(name + ".k", {shape.rows(), kv}),
                  activation(name + ".v", {shape.rows(), kv})};
    Operation& operation = append(OpKind::kRotaryGrad, {dqkv, table}, {out.q, out.k, out.v});
    operation.attention = shape;
    operation.kv_heads = kv_heads;
    return out;
}

ProgramBuilder::Norm ProgramBuilder::layernorm(const std::string& name, TensorId x, TensorId gain,
                                               TensorId bias) {
    Norm norm{};
    norm.y = like(name, x);
    norm.xhat = like(name + ".xhat", x);
    norm.rstd = activation(name + ".rstd", {at(x).rows()});
    append(OpKind::kLayerNorm, {x, gain, bias}, {norm.y, norm.xhat, norm.rstd});
    return norm;
}

TensorId ProgramBuilder::layernorm_grad(const std::string& name, TensorId dy, TensorId gain,
                                        TensorId bias, const Norm& saved) {
    const TensorId dx = like(name, dy);
    append(OpKind::kLayerNormGrad, {dy, gain, saved.xhat, saved.rstd},
           {dx, gradient(gain), gradient(bias)});
    return dx;
}

TensorId ProgramBuilder::linear(const std::string& name, TensorId x, TensorId w, TensorId b) {
    return gemm(name, x, false, w, false, kNoTensor, b);
}

TensorId ProgramBuilder::linear_grad(const std::string& name, TensorId dy, TensorId x, TensorId w,
                                     TensorId b, bool input_grad) {
    const TensorId dx = input_grad ? gemm(name, dy, false, w, true) : kNoTensor;
    gemm("", x, true, dy, false, gradient(w));
    column_sums(dy, gradient(b));
    return dx;
}

TensorId ProgramBuilder::gemm(const std::string& name, TensorId a, bool transpose_a, TensorId b,
                              bool transpose_b, TensorId out, TensorId bias) {
    const int64_t m = transpose_a ? at(a).cols() : at(a).rows();
    const int64_t n = transpose_b ? at(b).rows() : at(b).cols();
    if (out == kNoTensor) out = activation(name, {m, n});
    std::vector<TensorId> inputs = {a, b};
    if (bias != kNoTensor) inputs.push_back(bias);
    Operation& operation = append(OpKind::kGemm, std::move(inputs), {out});
    operation.transpose_a = transpose_a;
    operation.transpose_b = transpose_b;
    operation.slices = slices_;
    return out;
}

void ProgramBuilder::column_sums(TensorId values, TensorId out) {
    append(OpKind::kColumnSums, {values}, {out});
}

TensorId ProgramBuilder::patches(const std::string& name, TensorId x, const PatchShape& shape) {
    const TensorId cut = activation(name, {shape.out_rows(), shape.out_cols()});
    append(OpKind::kPatches, {x}, {cut}).patches = shape;
    return cut;
}

TensorId ProgramBuilder::patches_grad(const std::string& name, TensorId dpatches,
                                      const PatchShape& shape) {
    const TensorId dx = activation(name, {shape.pixels(), shape.channels});
    append(OpKind::kPatchesGrad, {dpatches}, {dx}).patches = shape;
    return dx;
}

TensorId ProgramBuilder::gelu(const std::string& name, TensorId x) {
    const TensorId y = like(name, x);
    append(OpKind::kGelu, {x}, {y});
    return y;
}

TensorId ProgramBuilder::gelu_grad(const std::string& name, TensorId x, TensorId dy) {
    const TensorId dx = like(name, x);
    append(OpKind::kGeluGrad, {x, dy}, {dx});
    return dx;
}

TensorId ProgramBuilder::add(const std::string& name, TensorId a, TensorId b, TensorId out) {
    if (out == kNoTensor) out = like(name, a);
    append(OpKind::kAdd, {a, b}, {out});
    return out;
}

ProgramBuilder::Attention ProgramBuilder::attention(const std::string& name, TensorId qkv,
                                                    const AttentionShape& shape) {
    Attention result{};
    result.out = activation(name, {shape.rows(), shape.width()});
    result.probabilities = activation(name + ".probabilities",
                                      {shape.batch * shape.heads, shape.context, shape.context});
    Operation& operation = append(OpKind::kAttention, {qkv}, {result.out, result.probabilities});
    operation.attention = shape;
    operation.slices = slices_;
    return result;
}

TensorId ProgramBuilder::attention_grad(const std::string& name, TensorId dout, TensorId qkv,
                                        const Attention& saved, const AttentionShape& shape) {
    const TensorId dqkv = like(name, qkv);
    Operation& operation = append(OpKind::kAttentionGrad, {dout, qkv, saved.probabilities}, {dqkv});
    operation.attention = shape;
    operation.slices = slices_;
    return dqkv;
}

ProgramBuilder::Loss ProgramBuilder::cross_entropy(TensorId logits, TensorId target) {
    Loss result{};
    result.loss = activation("loss", {1});
    result.dlogits = like("d.logits", logits);
    append(OpKind::kCrossEntropy, {logits, target}, {result.loss, result.dlogits});
    return result;
}

TensorId ProgramBuilder::scatter(const std::string& name, TensorId values, TensorId index,
                                 int64_t rows_out, TensorId out) {
    if (out == kNoTensor) out = activation(name, {rows_out, at(values).cols()});
    append(OpKind::kScatter, {values, index}, {out});
    return out;
}

void ProgramBuilder::adamw() {
    std::vector<TensorId> inputs;
    for (const ProgramParameter& p : program_.parameters)
        inputs.insert(inputs.end(), {p.value, p.gradient, p.m, p.v});
    program_.grad_norm = activation("grad_norm", {1});
    append(OpKind::kAdamW, std::move(inputs), {program_.grad_norm});
}

}  // namespace assay::compute
