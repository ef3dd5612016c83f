// Program: a model, its loss and its optimiser compiled to one flat list of operations on tensors.
//
// Everything else is a view of that list: work units are counted from it (macs), memory is planned
// from it (memory_plan.h), an Executor runs it on a Backend (executor.h), a dispute walks it. Each
// activation and gradient is written by exactly one operation before it is read; only kAdamW
// changes tensors in place (parameters and moments). Ownership: plain values. Threads: const access
// is thread-safe. Errors: check() names the operation.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "compute/kernels/backend.h"

namespace assay::compute {

using TensorId = uint32_t;
inline constexpr TensorId kNoTensor = UINT32_MAX;

enum class TensorKind : uint8_t {
    kInput,
    kConstant,
    kFrozen,  // given weights that stay
    kParameter,
    kMoment,
    kHost,  // an activation that waits in host memory
    kActivation,
    kGradient
};
enum class ElementType : uint8_t { kF32, kI32 };

struct Tensor {
    std::string name;
    std::vector<int64_t> shape;  // row-major
    TensorKind kind = TensorKind::kActivation;
    ElementType type = ElementType::kF32;
    int64_t size() const;  // elements
    // As a matrix: the last dimension is the columns, all others together the rows.
    int64_t cols() const { return shape.empty() ? 1 : shape.back(); }
    int64_t rows() const { return size() / cols(); }
};

// Operands in order (see `operands` in program.cpp for the counts that check() enforces).
enum class OpKind : uint8_t {
    kEmbedding,      // wte (V,C), [wpe (T,C)], tokens (R)    -> x (R,C)
    kLayerNorm,      // x (R,C), gain (C), bias (C)           -> y, xhat (R,C), rstd (R)
    kLayerNormGrad,  // dy, gain, xhat, rstd                  -> dx (R,C), dgain, dbias (C)
    kGemm,           // a, b (transposable), [bias]           -> c
    kGelu,           // x                                     -> y
    kGeluGrad,       // x, dy                                 -> dx
    kAdd,            // a, b                                  -> sum
    kColumnSums,     // x (R,C)                               -> sums over rows (C)
    kAttention,      // qkv (R,3D)                            -> out (R,D), probabilities (B*H,T,T)
    kAttentionGrad,  // dout, qkv, probabilities              -> dqkv (R,3D)
    kCrossEntropy,   // logits (R,V), target (R)              -> loss (1), dlogits (R,V)
    kScatter,        // values (R,C), index (R)               -> out (N,C)
    kRmsNorm,        // x (R,C), gain (C)                     -> y, xhat (R,C), rstd (R)
    kRmsNormGrad,    // dy, gain, xhat, rstd                  -> dx (R,C), dgain (C)
    kSwiGlu,         // gate, up (R,F)                        -> h (R,F)
    kSwiGluGrad,     // gate, up, dh                          -> dgate, dup (R,F)
    kRotary,         // q (R,D), k, v (R,KV), table (T,D/H)   -> qkv (R,3D)
    kRotaryGrad,     // dqkv (R,3D), table                    -> dq (R,D), dk, dv (R,KV)
    kPatches,        // x (pixels,C)                          -> patches (R,K*K*C)
    kPatchesGrad,    // dpatches                              -> dx (pixels,C)
    kToHost,         // x                                     -> x in host memory
    kFromHost,       // x in host memory                      -> x
    kAdamW,          // every (parameter, gradient, m, v)     -> gradient norm (1)
};
inline constexpr size_t kOpKinds = 23;
std::string_view op_name(OpKind kind);

struct Operation {
    OpKind kind = OpKind::kAdd;
    std::vector<TensorId> inputs, outputs;
    bool transpose_a = false, transpose_b = false;  // kGemm
    int slices = 0;                                 // kGemm, kAttention, kAttentionGrad
    AttentionShape attention{};                     // kAttention*, kRotary*
    int64_t kv_heads = 0;                           // kRotary, kRotaryGrad
    float eps = 0;                                  // kRmsNorm
    PatchShape patches{};                           // kPatches, kPatchesGrad
};

// A parameter with its gradient and AdamW moments; gradient, m, v are kNoTensor in a forward
// program.
struct ProgramParameter {
    TensorId value = kNoTensor, gradient = kNoTensor, m = kNoTensor, v = kNoTensor;
    bool decays = false;
};

// What a program computes: training step; loss without gradients; logits alone (no targets).
enum class ProgramMode : uint8_t { kTrain, kLoss, kLogits };

struct Program {
    ProgramMode mode = ProgramMode::kTrain;
    std::vector<Tensor> tensors;
    std::vector<Operation> operations;                 // in execution order
    std::vector<ProgramParameter> parameters;          // in the optimiser's order
    std::vector<TensorId> frozen;                      // in the order of the base's parameters
    std::map<TensorId, std::vector<float>> constants;  // values of kConstant tensors
    TensorId samples = kNoTensor;    // input: tokens I32 (R) or features F32 (R,inputs)
    TensorId positions = kNoTensor;  // input I32 (R), gpt training only: row -> position
    TensorId targets = kNoTensor;    // input I32 (R)
    TensorId logits = kNoTensor, loss = kNoTensor, grad_norm = kNoTensor;

    const Tensor& at(TensorId id) const { return tensors[id]; }
};

// Multiply-accumulates of one operation: of its matrix products, counted as if dense (attention
// counts whole T x T products). Elementwise work and reductions count nothing.
uint64_t macs(const Program& program, const Operation& operation);
uint64_t macs(const Program& program);  // of one run

// Operand counts, shapes, element types, and that every value is written once before it is read.
Status check(const Program& program);

// One line per operation: index, kind, operand names and shapes. For people and for dispute
// reports.
std::string describe(const Program& program);

}  // namespace assay::compute
