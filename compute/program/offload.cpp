#include "compute/program/offload.h"

#include <algorithm>
#include <map>

namespace assay::compute {
namespace {

class Offload {
public:
    explicit Offload(const Program& program) : old_(program), made_(program) {
        made_.operations.clear();
        const auto loss =
            std::find_if(old_.operations.begin(), old_.operations.end(),
                         [](const Operation& o) { return o.kind == OpKind::kCrossEntropy; });
        forward_ = static_cast<size_t>(loss - old_.operations.begin());
    }

    Program run() {
        for (size_t i = 0; i < forward_; ++i) {
            const Operation& operation = old_.operations[i];
            for (const TensorId id : operation.inputs) last_use_[id] = i;
            for (const TensorId id : operation.outputs) last_use_[id] = i;
        }
        for (size_t i = forward_; i < old_.operations.size(); ++i)
            for (const TensorId id : old_.operations[i].inputs)
                if (belongs_to_layer(id) && last_use_.contains(id)) host_[id] = kNoTensor;
        for (size_t i = 0; i < forward_; ++i) {
            made_.operations.push_back(old_.operations[i]);
            for (auto& [id, host] : host_)
                if (last_use_.at(id) == i) host = store(id);
        }
        for (size_t i = forward_; i < old_.operations.size(); ++i) {
            Operation operation = old_.operations[i];
            for (TensorId& id : operation.inputs)
                if (host_.contains(id)) id = returned(id);
            made_.operations.push_back(std::move(operation));
        }
        return std::move(made_);
    }

private:
    bool belongs_to_layer(TensorId id) const {
        const Tensor& tensor = old_.at(id);
        return tensor.kind == TensorKind::kActivation && tensor.name.starts_with("h.");
    }

    TensorId copy(TensorId from, const std::string& name, TensorKind kind, OpKind operation) {
        Tensor tensor = old_.at(from);
        tensor.name = name;
        tensor.kind = kind;
        made_.tensors.push_back(std::move(tensor));
        const auto to = static_cast<TensorId>(made_.tensors.size() - 1);
        Operation move;
        move.kind = operation;
        move.inputs = {operation == OpKind::kToHost ? from : host_.at(from)};
        move.outputs = {to};
        made_.operations.push_back(std::move(move));
        return to;
    }
    TensorId store(TensorId id) {
        return copy(id, old_.at(id).name + ".host", TensorKind::kHost, OpKind::kToHost);
    }
    TensorId returned(TensorId id) {
        const auto found = back_.find(id);
        if (found != back_.end()) return found->second;
        return back_[id] =
                   copy(id, old_.at(id).name + ".back", TensorKind::kActivation, OpKind::kFromHost);
    }

    const Program& old_;
    Program made_;
    size_t forward_ = 0;                   // operations before the loss
    std::map<TensorId, size_t> last_use_;  // in the forward pass
    std::map<TensorId, TensorId> host_;    // what the backward pass wants, and where it waits
    std::map<TensorId, TensorId> back_;
};

}  // namespace

Program offload_layers(const Program& program) {
    if (program.mode != ProgramMode::kTrain) return program;
    return Offload(program).run();
}

uint64_t host_bytes(const Program& program) {
    uint64_t bytes = 0;
    for (const Tensor& tensor : program.tensors)
        if (tensor.kind == TensorKind::kHost)
            bytes += static_cast<uint64_t>(tensor.size()) * sizeof(float);
    return bytes;
}

}  // namespace assay::compute
