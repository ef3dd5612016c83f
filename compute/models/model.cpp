#include "compute/models/model.h"

namespace assay::compute {

int64_t ParameterSpec::size() const {
    int64_t n = 1;
    for (const int64_t extent : shape) n *= extent;
    return n;
}

std::vector<ParameterSpec> parameter_specs(const ModelConfig& model) {
    if (const auto* gpt = std::get_if<GptConfig>(&model)) return gpt_parameters(*gpt);
    if (const auto* llama = std::get_if<LlamaConfig>(&model)) return llama_parameters(*llama);
    if (const auto* cnn = std::get_if<CnnConfig>(&model)) return cnn_parameters(*cnn);
    if (const auto* lora = std::get_if<LoraConfig>(&model)) return lora_parameters(*lora);
    return mlp_parameters(std::get<MlpConfig>(model));
}

Result<Program> build_program(const ModelConfig& model, uint32_t batch, int slices,
                              ProgramMode mode) {
    ASSAY_RETURN_IF_ERROR(validate(model));
    Program program;
    if (const auto* gpt = std::get_if<GptConfig>(&model)) {
        program = gpt_program(*gpt, batch, slices, mode);
    } else if (const auto* llama = std::get_if<LlamaConfig>(&model)) {
        program = llama_program(*llama, batch, slices, mode);
    } else if (const auto* cnn = std::get_if<CnnConfig>(&model)) {
        program = cnn_program(*cnn, batch, slices, mode);
    } else if (const auto* lora = std::get_if<LoraConfig>(&model)) {
        ASSAY_ASSIGN(const Program base, build_program(*frozen_base(model), batch, slices, mode));
        program = lora_program(*lora, base);
    } else {
        program = mlp_program(std::get<MlpConfig>(model), batch, slices, mode);
    }
    ASSAY_RETURN_IF_ERROR(check(program));
    return program;
}

}  // namespace assay::compute
