// Low-rank adapters as a rewrite of the base's program. A linear layer y = x W of a block becomes
//   y = x W [+ b] + (x A) B
// with A (inputs x rank) and B (rank x outputs), or both the other way round where W is (outputs x
// inputs); x A and (x A) B are products, + one addition. Backward, with dl = dy B^T:
//   d B = (x A)^T dy;   d A = x^T dl;   d x = dy W^T + dl A^T
// A starts normalish with std = sqrt(1 / (3 inputs)), B at zero. Nothing else of the base is
// trained, and no gradient that only frozen weights would need is computed.
#include <cmath>
#include <functional>
#include <map>
#include <set>

#include "compute/models/model.h"

namespace assay::compute {
namespace {

bool is_adapted(const std::string& name, size_t dimensions) {
    return name.starts_with("h.") && dimensions == 2;
}

// "h.0.q.w" -> "h.0.q.lora_a"
std::string adapter_name(const std::string& weight, const char* which) {
    return weight.substr(0, weight.size() - 1) + "lora_" + which;
}

struct Adapter {
    TensorId a = kNoTensor, b = kNoTensor;
    TensorId x = kNoTensor, low = kNoTensor;  // the layer's input, and x A
    TensorId d_low = kNoTensor;               // dy B^T, once the backward pass is there
    bool outputs_first = false;               // W is (outputs x inputs)
};

class AdapterRewriter {
public:
    AdapterRewriter(const LoraConfig& config, const Program& base) : base_(base), made_(base) {
        made_.operations.clear();
        made_.parameters.clear();
        std::vector<ParameterSpec> specs = lora_parameters(config);
        size_t next = 0;
        for (const ProgramParameter& p : base.parameters) {
            made_.frozen.push_back(p.value);
            made_.tensors[p.value].kind = TensorKind::kFrozen;
            if (p.gradient != kNoTensor) {
                made_.tensors[p.gradient].kind = TensorKind::kActivation;
                weight_of_gradient_[p.gradient] = p.value;
            }
            if (!is_adapted(base.at(p.value).name, base.at(p.value).shape.size())) continue;
            Adapter& adapter = adapters_[p.value];
            adapter.a = add_parameter(specs[next++]);
            adapter.b = add_parameter(specs[next++]);
        }
    }

    Program run() {
        for (const Operation& operation : base_.operations) rewrite(operation);
        drop_unused();
        return std::move(made_);
    }

private:
    TensorId add_tensor(const std::string& name, std::vector<int64_t> shape, TensorKind kind) {
        made_.tensors.push_back({name, std::move(shape), kind, ElementType::kF32});
        return static_cast<TensorId>(made_.tensors.size() - 1);
    }

    TensorId add_parameter(const ParameterSpec& spec) {
        ProgramParameter p;
        p.decays = true;
        p.value = add_tensor(spec.name, spec.shape, TensorKind::kParameter);
        if (made_.mode == ProgramMode::kTrain) {
            p.gradient = add_tensor("d." + spec.name, spec.shape, TensorKind::kGradient);
            p.m = add_tensor("m." + spec.name, spec.shape, TensorKind::kMoment);
            p.v = add_tensor("v." + spec.name, spec.shape, TensorKind::kMoment);
        }
        made_.parameters.push_back(p);
        return p.value;
    }

    TensorId gradient(TensorId parameter) const {
        for (const ProgramParameter& p : made_.parameters)
            if (p.value == parameter) return p.gradient;
        return kNoTensor;
    }

    // a * b with optional transposes; a new activation where `out` is none.
    TensorId product(const std::string& name, TensorId a, bool transpose_a, TensorId b,
                     bool transpose_b, TensorId out = kNoTensor) {
        const Tensor &left = made_.at(a), &right = made_.at(b);
        const int64_t rows = transpose_a ? left.cols() : left.rows();
        const int64_t cols = transpose_b ? right.rows() : right.cols();
        if (out == kNoTensor) out = add_tensor(name, {rows, cols}, TensorKind::kActivation);
        Operation operation;
        operation.kind = OpKind::kGemm;
        operation.inputs = {a, b};
        operation.outputs = {out};
        operation.transpose_a = transpose_a;
        operation.transpose_b = transpose_b;
        operation.slices = slices_;
        made_.operations.push_back(std::move(operation));
        return out;
    }

    // What the operation wrote to becomes the sum of its result and `part`.
    void add_to_result(Operation operation,
                       const std::function<TensorId(const std::string&)>& part) {
        const TensorId sum = operation.outputs[0];
        const std::string name = made_.at(sum).name;
        operation.outputs[0] =
            add_tensor(name + ".base", made_.at(sum).shape, TensorKind::kActivation);
        Operation add;
        add.kind = OpKind::kAdd;
        add.outputs = {sum};
        add.inputs = {operation.outputs[0]};
        made_.operations.push_back(std::move(operation));
        add.inputs.push_back(part(name));
        made_.operations.push_back(std::move(add));
    }

    void rewrite(const Operation& operation) {
        if (operation.kind == OpKind::kAdamW) return rewrite_adamw(operation);
        if (operation.kind != OpKind::kGemm) return made_.operations.push_back(operation);
        slices_ = operation.slices;
        if (const auto layer = adapters_.find(operation.inputs[1]); layer != adapters_.end()) {
            const bool is_forward = layer->second.x == kNoTensor;
            return is_forward ? forward(operation, layer->second)
                              : input_grad(operation, layer->second);
        }
        const auto weight = weight_of_gradient_.find(operation.outputs[0]);
        if (weight != weight_of_gradient_.end() && adapters_.contains(weight->second))
            return weight_grad(operation, adapters_.at(weight->second));
        made_.operations.push_back(operation);
    }

    void forward(const Operation& operation, Adapter& l) {
        l.x = operation.inputs[0];
        l.outputs_first = operation.transpose_b;
        add_to_result(operation, [&](const std::string& name) {
            l.low = product(name + ".low", l.x, false, l.a, l.outputs_first);
            return product(name + ".adapter", l.low, false, l.b, l.outputs_first);
        });
    }

    TensorId d_low(Adapter& l, TensorId dy) {
        if (l.d_low == kNoTensor)
            l.d_low = product("d." + made_.at(l.low).name, dy, false, l.b, !l.outputs_first);
        return l.d_low;
    }

    void input_grad(const Operation& operation, Adapter& l) {
        const TensorId dy = operation.inputs[0];
        add_to_result(operation, [&](const std::string& name) {
            return product(name + ".adapter", d_low(l, dy), false, l.a, !l.outputs_first);
        });
    }

    void weight_grad(const Operation& operation, Adapter& l) {
        const TensorId dy = operation.inputs[l.outputs_first ? 0 : 1];
        const TensorId dl = d_low(l, dy);
        if (l.outputs_first) {
            product("", dy, true, l.low, false, gradient(l.b));
            product("", dl, true, l.x, false, gradient(l.a));
        } else {
            product("", l.low, true, dy, false, gradient(l.b));
            product("", l.x, true, dl, false, gradient(l.a));
        }
    }

    void rewrite_adamw(Operation operation) {
        operation.inputs.clear();
        for (const ProgramParameter& p : made_.parameters)
            operation.inputs.insert(operation.inputs.end(), {p.value, p.gradient, p.m, p.v});
        made_.operations.push_back(std::move(operation));
    }

    // From the end: what no result needs is not computed.
    void drop_unused() {
        std::set<TensorId> needed = {made_.logits, made_.loss, made_.grad_norm};
        std::vector<Operation> kept;
        for (size_t i = made_.operations.size(); i-- > 0;) {
            Operation& operation = made_.operations[i];
            bool is_needed = false;
            for (const TensorId id : operation.outputs)
                is_needed = is_needed || needed.contains(id);
            if (!is_needed) continue;
            needed.insert(operation.inputs.begin(), operation.inputs.end());
            kept.push_back(std::move(operation));
        }
        made_.operations.assign(std::make_move_iterator(kept.rbegin()),
                                std::make_move_iterator(kept.rend()));
    }

    const Program& base_;
    Program made_;
    int slices_ = 0;
    std::map<TensorId, Adapter> adapters_;  // by weight
    std::map<TensorId, TensorId> weight_of_gradient_;
};

}  // namespace

std::vector<ParameterSpec> lora_parameters(const LoraConfig& config) {
    const bool outputs_first = std::holds_alternative<LlamaConfig>(config.base);
    const int64_t rank = config.rank;
    std::vector<ParameterSpec> specs;
    for (const ParameterSpec& weight : parameter_specs(*frozen_base(config))) {
        if (!is_adapted(weight.name, weight.shape.size())) continue;
        const int64_t inputs = weight.shape[outputs_first ? 1 : 0];
        const int64_t outputs = weight.shape[outputs_first ? 0 : 1];
        const double std = std::sqrt(1.0 / (3.0 * static_cast<double>(inputs)));
        const auto shape = [&](int64_t from, int64_t to) {
            return outputs_first ? std::vector<int64_t>{to, from} : std::vector<int64_t>{from, to};
        };
        specs.push_back({adapter_name(weight.name, "a"), shape(inputs, rank), true, std});
        specs.push_back({adapter_name(weight.name, "b"), shape(rank, outputs), false, 0});
    }
    return specs;
}

Program lora_program(const LoraConfig& config, const Program& base) {
    return AdapterRewriter(config, base).run();
}

}  // namespace assay::compute
