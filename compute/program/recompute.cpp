#include "compute/program/recompute.h"

#include <algorithm>
#include <map>
#include <set>

namespace assay::compute {
namespace {

constexpr std::string_view kLayer = "h.";

// "h.12.qkv" -> "h.12."; empty for what belongs to no layer.
std::string layer_of(const std::string& name) {
    if (!name.starts_with(kLayer)) return {};
    const size_t dot = name.find('.', kLayer.size());
    return dot == std::string::npos ? std::string() : name.substr(0, dot + 1);
}

class Rewriter {
public:
    explicit Rewriter(const Program& program) : old_(program), made_(program) {
        made_.operations.clear();
        const auto loss =
            std::find_if(old_.operations.begin(), old_.operations.end(),
                         [](const Operation& o) { return o.kind == OpKind::kCrossEntropy; });
        forward_ = static_cast<size_t>(loss - old_.operations.begin());
    }

    Program run() {
        for (size_t i = 0; i < forward_; ++i) note_forward(old_.operations[i]);
        for (size_t i = forward_; i < old_.operations.size(); ++i)
            for (const TensorId id : old_.operations[i].inputs)
                if (!again(id).empty()) wanted_[again(id)].insert(id);
        for (size_t i = 0; i < forward_; ++i) made_.operations.push_back(old_.operations[i]);
        for (size_t i = forward_; i < old_.operations.size(); ++i) {
            Operation operation = old_.operations[i];
            for (TensorId& id : operation.inputs) id = replaced(id);
            made_.operations.push_back(std::move(operation));
        }
        return std::move(made_);
    }

private:
    std::string layer(TensorId id) const {
        const Tensor& tensor = old_.at(id);
        return tensor.kind == TensorKind::kActivation ? layer_of(tensor.name) : std::string();
    }
    // The layer that must be repeated to have this tensor again; empty for what is kept.
    std::string again(TensorId id) const { return kept_.contains(id) ? std::string() : layer(id); }

    // What a layer passes on to others is kept.
    void note_forward(const Operation& operation) {
        const std::string own = layer(operation.outputs.front());
        for (const TensorId id : operation.inputs)
            if (layer(id) != own) kept_.insert(id);
    }

    TensorId replaced(TensorId id) {
        const std::string from = again(id);
        if (from.empty()) return id;
        if (copies_.find(from) == copies_.end()) repeat(from);
        return copies_.at(from).at(id);
    }

    // Of the layer's forward operations those that lead to what the backward pass reads.
    void repeat(const std::string& from) {
        std::set<TensorId> needed = wanted_.at(from);
        std::vector<const Operation*> operations;
        for (size_t i = forward_; i-- > 0;) {
            const Operation& operation = old_.operations[i];
            const bool leads = std::any_of(operation.outputs.begin(), operation.outputs.end(),
                                           [&](TensorId id) { return needed.contains(id); });
            if (!leads || layer(operation.outputs.front()) != from) continue;
            operations.push_back(&operation);
            for (const TensorId id : operation.inputs)
                if (again(id) == from) needed.insert(id);
        }
        std::map<TensorId, TensorId>& copy = copies_[from];
        for (size_t i = operations.size(); i-- > 0;) {
            Operation operation = *operations[i];
            for (TensorId& id : operation.inputs)
                if (again(id) == from) id = copy.at(id);
            for (TensorId& id : operation.outputs) {
                Tensor tensor = old_.at(id);
                tensor.name += ".again";
                made_.tensors.push_back(std::move(tensor));
                id = copy[id] = static_cast<TensorId>(made_.tensors.size() - 1);
            }
            made_.operations.push_back(std::move(operation));
        }
    }

    const Program& old_;
    Program made_;
    size_t forward_ = 0;  // operations before the loss
    std::set<TensorId> kept_;
    std::map<std::string, std::set<TensorId>> wanted_;  // of each layer, by the backward pass
    std::map<std::string, std::map<TensorId, TensorId>> copies_;
};

}  // namespace

Program recompute_layers(const Program& program) {
    if (program.mode != ProgramMode::kTrain) return program;
    return Rewriter(program).run();
}

}  // namespace assay::compute
