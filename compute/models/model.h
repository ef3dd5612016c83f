// Models as programs: the parameters of a ModelConfig and the operations of its step.
//
// gpt: the decoder of GPT-2 (pre-norm, learned positions, tanh GELU, tied head); names, order and
// additions are those of OFA-1's reference (docs/arithmetic.md). mlp: linear layers with GELU
// between them and cross-entropy at the end; cnn: convolutions before; llama: RMSNorm, rotary
// positions, grouped-query attention and SwiGLU, without biases; adapters: the base's program
// rewritten (lora.cpp). Plain functions; thread-safe. Errors: build_program expects a validated
// config (config.h) and returns kInvalidArgument otherwise.
#pragma once

#include <string>
#include <vector>

#include "compute/models/config.h"
#include "compute/program/program.h"

namespace assay::compute {

// Initial value of a parameter: every element `constant`, or normalish(std) from the job's seed
// with the parameter's index as Philox tensor id (2-D parameters).
struct ParameterSpec {
    std::string name;
    std::vector<int64_t> shape;
    bool random = false;
    double value = 0;  // standard deviation when random, else the constant
    int64_t size() const;
};

// The trained ones, in the optimiser's order; the index is the tensor id of the initialisation.
std::vector<ParameterSpec> parameter_specs(const ModelConfig& model);

Result<Program> build_program(const ModelConfig& model, uint32_t batch, int slices,
                              ProgramMode mode);

// Per model (gpt.cpp, mlp.cpp); use the two functions above.
std::vector<ParameterSpec> gpt_parameters(const GptConfig& config);
std::vector<ParameterSpec> mlp_parameters(const MlpConfig& config);
std::vector<ParameterSpec> llama_parameters(const LlamaConfig& config);
std::vector<ParameterSpec> cnn_parameters(const CnnConfig& config);
Program cnn_program(const CnnConfig& config, uint32_t batch, int slices, ProgramMode mode);
std::vector<ParameterSpec> lora_parameters(const LoraConfig& config);
// `base`: the program of config.base.
Program lora_program(const LoraConfig& config, const Program& base);
Program llama_program(const LlamaConfig& config, uint32_t batch, int slices, ProgramMode mode);
Program gpt_program(const GptConfig& config, uint32_t batch, int slices, ProgramMode mode);
Program mlp_program(const MlpConfig& config, uint32_t batch, int slices, ProgramMode mode);

}  // namespace assay::compute
