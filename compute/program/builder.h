// ProgramBuilder: appends operations to a Program, working out the shapes of results.
//
// The model files (compute/models) write a forward and a backward pass with it; each call is one
// operation (linear_grad: up to three). Ownership: the builder owns the Program until take().
// Threads: one. Errors: none here; compute::check() proves the finished list.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "compute/program/program.h"

namespace assay::compute {

class ProgramBuilder {
public:
    ProgramBuilder(ProgramMode mode, int slices);

    TensorId input(const std::string& name, std::vector<int64_t> shape, ElementType type);
    // In the optimiser's order. Matrices decay, vectors do not.
    TensorId parameter(const std::string& name, std::vector<int64_t> shape);
    // The gradient tensor of a parameter: the backward pass writes it exactly once.
    TensorId gradient(TensorId parameter);

    struct Norm {
        TensorId y, xhat, rstd;
    };
    struct Attention {
        TensorId out, probabilities;
    };
    struct Loss {
        TensorId loss, dlogits;
    };

    TensorId constant(const std::string& name, std::vector<int64_t> shape,
                      std::vector<float> values);
    // wpe may be kNoTensor.
    TensorId embedding(TensorId wte, TensorId wpe, TensorId tokens);
    Norm rmsnorm(const std::string& name, TensorId x, TensorId gain, float eps);
    TensorId rmsnorm_grad(const std::string& name, TensorId dy, TensorId gain, const Norm& saved);
    TensorId swiglu(const std::string& name, TensorId gate, TensorId up);
    std::pair<TensorId, TensorId> swiglu_grad(const std::string& name, TensorId gate, TensorId up,
                                              TensorId dh);
    TensorId rotary(const std::string& name, TensorId q, TensorId k, TensorId v, TensorId table,
                    const AttentionShape& shape, int64_t kv_heads);
    struct Qkv {
        TensorId q, k, v;
    };
    Qkv rotary_grad(const std::string& name, TensorId dqkv, TensorId table,
                    const AttentionShape& shape, int64_t kv_heads);
    Norm layernorm(const std::string& name, TensorId x, TensorId gain, TensorId bias);
    TensorId layernorm_grad(const std::string& name, TensorId dy, TensorId gain, TensorId bias,
                            const Norm& saved);
    TensorId linear(const std::string& name, TensorId x, TensorId w, TensorId b);
    // Gradients of w and b; returns d x (kNoTensor when input_grad is false: first layer).
    TensorId linear_grad(const std::string& name, TensorId dy, TensorId x, TensorId w, TensorId b,
                         bool input_grad);
    // a * b with optional transposes, to a new activation, or into `out`; `bias` is added to rows.
    TensorId gemm(const std::string& name, TensorId a, bool transpose_a, TensorId b,
                  bool transpose_b, TensorId out = kNoTensor, TensorId bias = kNoTensor);
    void column_sums(TensorId values, TensorId out);
    TensorId patches(const std::string& name, TensorId x, const PatchShape& shape);
    TensorId patches_grad(const std::string& name, TensorId dpatches, const PatchShape& shape);
    TensorId gelu(const std::string& name, TensorId x);
    TensorId gelu_grad(const std::string& name, TensorId x, TensorId dy);
    TensorId add(const std::string& name, TensorId a, TensorId b, TensorId out = kNoTensor);
    Attention attention(const std::string& name, TensorId qkv, const AttentionShape& shape);
    TensorId attention_grad(const std::string& name, TensorId dout, TensorId qkv,
                            const Attention& saved, const AttentionShape& shape);
    Loss cross_entropy(TensorId logits, TensorId target);
    TensorId scatter(const std::string& name, TensorId values, TensorId index, int64_t rows_out,
                     TensorId out = kNoTensor);
    void adamw();  // over all parameters; the last operation

    Program& program() { return program_; }
    Program take() { return std::move(program_); }

private:
    TensorId tensor(const std::string& name, std::vector<int64_t> shape, TensorKind kind,
                    ElementType type = ElementType::kF32);
    TensorId activation(const std::string& name, std::vector<int64_t> shape);
    TensorId like(const std::string& name, TensorId other);
    Operation& append(OpKind kind, std::vector<TensorId> inputs, std::vector<TensorId> outputs);
    const Tensor& at(TensorId id) const { return program_.at(id); }

    Program program_;
    int slices_;
};

}  // namespace assay::compute
