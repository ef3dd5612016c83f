#include "compute/program/executor.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace assay::compute {

Executor::Executor(const Program& program, Backend& backend, MemoryPlan plan)
    : program_(program),
      backend_(backend),
      plan_(std::move(plan)),
      bound_(program.tensors.size()),
      float_at_(program.tensors.size(), nullptr),
      int_at_(program.tensors.size(), nullptr) {}

Executor::~Executor() {
    if (backend_.in_host_memory()) {
        std::free(arena_);
        return;
    }
    backend_.release(arena_);
    for (const Bound& bound : bound_) backend_.release(bound.device);
}

Result<std::unique_ptr<Executor>> Executor::create(const Program& program, Backend& backend) {
    ASSAY_RETURN_IF_ERROR(check(program));
    std::unique_ptr<Executor> executor(new Executor(program, backend, plan_memory(program)));
    ASSAY_RETURN_IF_ERROR(executor->allocate_arena());
    for (size_t id = 0; id < program.tensors.size(); ++id) {
        const int64_t offset = executor->plan_.offset[id];
        if (offset != MemoryPlan::kNowhere) executor->float_at_[id] = executor->arena_ + offset;
    }
    for (TensorId id = 0; id < program.tensors.size(); ++id) {
        const Tensor& tensor = program.tensors[id];
        if (tensor.kind != TensorKind::kHost) continue;
        std::vector<float>& place = executor->waiting_[id];
        place.resize(static_cast<size_t>(tensor.size()));
        executor->float_at_[id] = place.data();
    }
    for (const auto& [id, values] : program.constants)
        executor->bind(id, const_cast<float*>(values.data()));  // only read
    return executor;
}

Status Executor::allocate_arena() {
    constexpr size_t kAlign = kArenaAlignFloats * sizeof(float);
    const size_t bytes = std::max(static_cast<size_t>(arena_bytes()), kAlign);
    arena_ = static_cast<float*>(backend_.in_host_memory() ? std::aligned_alloc(kAlign, bytes)
                                                           : backend_.allocate(bytes));
    if (arena_ != nullptr) return {};
    return fail(Code::kOutOfMemory, "a step needs " + std::to_string(bytes) +
                                        " bytes of working memory; use a smaller batch, context "
                                        "or model");
}

void Executor::bind(TensorId id, float* data) {
    if (backend_.in_host_memory()) {
        float_at_[id] = data;
    } else {
        bind_any(id, data);
        float_at_[id] = static_cast<float*>(bound_[id].device);
    }
}

void Executor::bind(TensorId id, const int32_t* data) {
    if (backend_.in_host_memory()) {
        int_at_[id] = data;
    } else {
        bind_any(id, const_cast<int32_t*>(data));  // inputs only go up
        int_at_[id] = static_cast<const int32_t*>(bound_[id].device);
    }
}

void Executor::bind_any(TensorId id, void* data) {
    Bound& bound = bound_[id];
    bound.host = data;
    bound.upload = true;
    if (bound.device == nullptr)
        bound.device = backend_.allocate(static_cast<size_t>(program_.at(id).size()) * 4);
}

void Executor::upload_bound() {
    for (TensorId id = 0; id < bound_.size(); ++id) {
        Bound& bound = bound_[id];
        if (bound.device == nullptr || !bound.upload) continue;
        backend_.upload(bound.device, bound.host, static_cast<size_t>(program_.at(id).size()) * 4);
        bound.upload = program_.at(id).kind == TensorKind::kInput;  // changes between runs
    }
}

const float* Executor::result(TensorId id) {
    if (backend_.in_host_memory()) return float_at_[id];
    fetched_.resize(static_cast<size_t>(program_.at(id).size()));
    backend_.download(fetched_.data(), float_at_[id], fetched_.size() * sizeof(float));
    return fetched_.data();
}

Status Executor::fetch_state() {
    if (backend_.in_host_memory()) return {};
    for (const ProgramParameter& p : program_.parameters) {
        for (const TensorId id : {p.value, p.m, p.v}) {
            if (id == kNoTensor || bound_[id].device == nullptr || bound_[id].upload) continue;
            backend_.download(bound_[id].host, bound_[id].device,
                              static_cast<size_t>(program_.at(id).size()) * sizeof(float));
        }
    }
    return device_status();
}

const float* Executor::place(TensorId id) const {
    const Bound& bound = bound_[id];  // not used in host memory
    return bound.upload ? static_cast<const float*>(bound.host) : float_at_[id];
}

// A device that failed says nothing about the arithmetic: never a fault.
Status Executor::device_status() const {
    const std::string failure = backend_.failure();
    return failure.empty() ? Status{} : Status(fail(Code::kUnavailable, failure));
}

Status Executor::check_bound() const {
    for (const Operation& operation : program_.operations) {
        for (const TensorId id : operation.inputs) {
            if (float_at_[id] == nullptr && int_at_[id] == nullptr) {
                return fail(Code::kInvalidArgument,
                            "tensor " + program_.at(id).name + " is not bound to a buffer");
            }
        }
    }
    return {};
}

Status Executor::join(RowJoin& join, std::vector<bool> joined) {
    if (!backend_.join_rows(&join))
        return fail(Code::kUnsupported, "backend " + std::string(backend_.name()) +
                                            " cannot share a batch with others");
    (void)backend_.join_rows(nullptr);
    join_ = &join;
    joined_ = std::move(joined);
    return {};
}

Status Executor::ready(const AdamWStep* step) const {
    ASSAY_RETURN_IF_ERROR(device_status());
    ASSAY_RETURN_IF_ERROR(check_bound());
    if (program_.grad_norm != kNoTensor && step == nullptr)
        return fail(Code::kInvalidArgument, "a training program needs an optimiser step");
    return {};
}

Status Executor::run(const AdamWStep* step) {
    ASSAY_RETURN_IF_ERROR(ready(step));
    backend_.clear_fault();
    upload_bound();
    const bool faulted = run_operations(step);
    ASSAY_RETURN_IF_ERROR(device_status());
    if (faulted) return fail(Code::kFault, "a value became non-finite or left its domain");
    return {};
}

bool Executor::run_operations(const AdamWStep* step) {
    for (size_t i = 0; i < program_.operations.size(); ++i) {
        const bool joins = join_ != nullptr && joined_[i];
        if (joins) (void)backend_.join_rows(join_);
        execute(program_.operations[i], step);
        if (joins) (void)backend_.join_rows(nullptr);
        // Stop at the first fault: what follows would compute on unspecified values. A device stops
        // by itself, and asking it would mean waiting for it.
        if (backend_.in_host_memory() && backend_.faulted()) return true;
    }
    return backend_.faulted();
}

MatrixView Executor::view(TensorId id, bool transpose) const {
    const Tensor& tensor = program_.at(id);
    const MatrixView plain = matrix(float_at_[id], tensor.rows(), tensor.cols());
    return transpose ? plain.transposed() : plain;
}

// Between the backend's memory and the host's.
void Executor::move(const Operation& operation) {
    const TensorId from = operation.inputs[0], to = operation.outputs[0];
    const auto bytes = static_cast<size_t>(program_.at(from).size()) * sizeof(float);
    if (backend_.in_host_memory()) {
        std::memcpy(float_at_[to], float_at_[from], bytes);
    } else if (operation.kind == OpKind::kToHost) {
        backend_.download(float_at_[to], float_at_[from], bytes);
    } else {
        backend_.upload(float_at_[to], float_at_[from], bytes);
    }
}

void Executor::execute_gemm(const Operation& operation) {
    const float* bias = operation.inputs.size() == 3 ? float_at_[operation.inputs[2]] : nullptr;
    const TensorId out = operation.outputs[0];
    backend_.gemm(view(operation.inputs[0], operation.transpose_a),
                  view(operation.inputs[1], operation.transpose_b), bias, float_at_[out],
                  program_.at(out).cols(), operation.slices);
}

void Executor::execute_norm(const Operation& operation) {
    const auto in = [&](size_t i) { return float_at_[operation.inputs[i]]; };
    const auto out = [&](size_t i) { return float_at_[operation.outputs[i]]; };
    const Tensor& x = program_.at(operation.inputs[0]);
    if (operation.kind == OpKind::kLayerNorm) {
        backend_.layernorm(in(0), in(1), in(2), x.rows(), x.cols(), out(0), out(1), out(2));
    } else {
        backend_.layernorm_grad(in(0), in(1), in(2), in(3), x.rows(), x.cols(), out(0), out(1),
                                out(2));
    }
}

void Executor::execute_rmsnorm(const Operation& operation) {
    const auto in = [&](size_t i) { return float_at_[operation.inputs[i]]; };
    const auto out = [&](size_t i) { return float_at_[operation.outputs[i]]; };
    const Tensor& x = program_.at(operation.inputs[0]);
    if (operation.kind == OpKind::kRmsNorm) {
        backend_.rmsnorm(in(0), in(1), operation.eps, x.rows(), x.cols(), out(0), out(1), out(2));
    } else {
        backend_.rmsnorm_grad(in(0), in(1), in(2), in(3), x.rows(), x.cols(), out(0), out(1));
    }
}

// Positions are left out where the model has none to add.
void Executor::execute_embedding(const Operation& operation) {
    const Tensor& out = program_.at(operation.outputs[0]);
    const bool positions = operation.inputs.size() == 3;
    backend_.embedding(float_at_[operation.inputs[0]],
                       positions ? float_at_[operation.inputs[1]] : nullptr,
                       int_at_[operation.inputs.back()], out.rows(),
                       positions ? program_.at(operation.inputs[1]).rows() : 1, out.cols(),
                       float_at_[operation.outputs[0]]);
}

void Executor::execute_adamw(const Operation& operation, const AdamWStep& step) {
    std::vector<ParameterSlot> slots;
    slots.reserve(program_.parameters.size());
    for (const ProgramParameter& p : program_.parameters) {
        slots.push_back({float_at_[p.value], float_at_[p.gradient], float_at_[p.m], float_at_[p.v],
                         program_.at(p.value).size(), p.decays});
    }
    backend_.adamw(slots, step, float_at_[operation.outputs[0]]);
}

void Executor::execute(const Operation& operation, const AdamWStep* step) {
    const auto in = [&](size_t i) { return float_at_[operation.inputs[i]]; };
    const auto index = [&](size_t i) { return int_at_[operation.inputs[i]]; };
    const auto out = [&](size_t i) { return float_at_[operation.outputs[i]]; };
    const Tensor& x = program_.at(operation.inputs[0]);
    const Tensor& y = program_.at(operation.outputs[0]);
    switch (operation.kind) {
        case OpKind::kEmbedding:
            return execute_embedding(operation);
        case OpKind::kLayerNorm:
        case OpKind::kLayerNormGrad:
            return execute_norm(operation);
        case OpKind::kGemm:
            return execute_gemm(operation);
        case OpKind::kGelu:
            return backend_.gelu(in(0), x.size(), out(0));
        case OpKind::kGeluGrad:
            return backend_.gelu_grad(in(0), in(1), x.size(), out(0));
        case OpKind::kAdd:
            return backend_.add(in(0), in(1), x.size(), out(0));
        case OpKind::kColumnSums:
            return backend_.column_sums(in(0), x.rows(), x.cols(), out(0));
        case OpKind::kAttention:
            return backend_.attention(in(0), operation.attention, operation.slices, out(0), out(1));
        case OpKind::kAttentionGrad:
            return backend_.attention_grad(in(0), in(1), in(2), operation.attention,
                                           operation.slices, out(0));
        case OpKind::kCrossEntropy:
            return backend_.cross_entropy(in(0), index(1), x.rows(), x.cols(), out(0), out(1));
        case OpKind::kScatter:
            return backend_.scatter(in(0), index(1), x.rows(), x.cols(), y.rows(), out(0));
        case OpKind::kRmsNorm:
        case OpKind::kRmsNormGrad:
            return execute_rmsnorm(operation);
        case OpKind::kSwiGlu:
            return backend_.swiglu(in(0), in(1), x.size(), out(0));
        case OpKind::kSwiGluGrad:
            return backend_.swiglu_grad(in(0), in(1), in(2), x.size(), out(0), out(1));
        case OpKind::kRotary:
            return backend_.rotary(in(0), in(1), in(2), in(3), operation.attention,
                                   operation.kv_heads, out(0));
        case OpKind::kRotaryGrad:
            return backend_.rotary_grad(in(0), in(1), operation.attention, operation.kv_heads,
                                        out(0), out(1), out(2));
        case OpKind::kPatches:
            return backend_.patches(in(0), operation.patches, out(0));
        case OpKind::kPatchesGrad:
            return backend_.patches_grad(in(0), operation.patches, out(0));
        case OpKind::kToHost:
        case OpKind::kFromHost:
            return move(operation);
        case OpKind::kAdamW:
            return execute_adamw(operation, *step);
    }
}

}  // namespace assay::compute
