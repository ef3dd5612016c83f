// Model files for other software: Hugging Face GPT-2 names. Its Conv1D weights are (inputs,
// outputs), as ours are, so no tensor is transposed; the head is tied to wte.
#include <algorithm>

#include "compute/checkpoint/checkpoint.h"
#include "compute/checkpoint/model_metadata.h"
#include "compute/models/model.h"

namespace assay::compute {
namespace {

struct Rename {
    std::string_view ours, theirs;
};
constexpr Rename kGptNames[] = {
    {"wte", "wte.weight"},
    {"wpe", "wpe.weight"},
    {"ln_f.g", "ln_f.weight"},
    {"ln_f.b", "ln_f.bias"},
    {"ln_1.g", "ln_1.weight"},
    {"ln_1.b", "ln_1.bias"},
    {"qkv.w", "attn.c_attn.weight"},
    {"qkv.b", "attn.c_attn.bias"},
    {"attn_out.w", "attn.c_proj.weight"},
    {"attn_out.b", "attn.c_proj.bias"},
    {"ln_2.g", "ln_2.weight"},
    {"ln_2.b", "ln_2.bias"},
    {"fc.w", "mlp.c_fc.weight"},
    {"fc.b", "mlp.c_fc.bias"},
    {"fc_out.w", "mlp.c_proj.weight"},
    {"fc_out.b", "mlp.c_proj.bias"},
};

std::string gpt2_config(const GptConfig& c) {
    const auto field = [](const char* name, uint32_t value) {
        return "  \"" + std::string(name) + "\": " + std::to_string(value) + ",\n";
    };
    return "{\n  \"architectures\": [\"GPT2LMHeadModel\"],\n  \"model_type\": \"gpt2\",\n" +
           field("vocab_size", c.vocab) + field("n_positions", c.context) +
           field("n_embd", c.d_model) + field("n_layer", c.n_layer) + field("n_head", c.n_head) +
           "  \"activation_function\": \"gelu_new\",\n  \"layer_norm_epsilon\": 1e-05,\n"
           "  \"attn_pdrop\": 0.0,\n  \"embd_pdrop\": 0.0,\n  \"resid_pdrop\": 0.0,\n"
           "  \"bos_token_id\": null,\n  \"eos_token_id\": null,\n"
           "  \"tie_word_embeddings\": true,\n  \"torch_dtype\": \"float32\"\n}\n";
}

}  // namespace

std::string export_name(const ModelConfig& model, const std::string& parameter) {
    if (std::holds_alternative<MlpConfig>(model)) {
        const size_t dot = parameter.rfind('.');
        return parameter.substr(0, dot) + (parameter.ends_with(".w") ? ".weight" : ".bias");
    }
    std::string layer;  // "h.<i>."
    if (parameter.starts_with("h.")) layer = parameter.substr(0, parameter.find('.', 2) + 1);
    const std::string rest = parameter.substr(layer.size());
    for (const Rename& rename : kGptNames) {
        if (rename.ours == rest) return "transformer." + layer + std::string(rename.theirs);
    }
    return parameter;
}

Status export_model(const std::filesystem::path& checkpoint, const std::filesystem::path& folder) {
    ASSAY_ASSIGN(const ModelConfig model, checkpoint_model(checkpoint));
    ASSAY_ASSIGN(const ModelState state, load_parameters(checkpoint, model));
    std::vector<TensorSource> tensors;
    const std::vector<ParameterSpec> specs = parameter_specs(model);
    for (size_t i = 0; i < specs.size(); ++i) {
        const std::vector<float>& values = state.value[i];
        tensors.push_back({export_name(model, specs[i].name),
                           Dtype::kF32,
                           {specs[i].shape.begin(), specs[i].shape.end()},
                           {reinterpret_cast<const uint8_t*>(values.data()), values.size() * 4}});
    }
    Metadata metadata = model_metadata(model);
    metadata["format"] = "pt";  // what transformers asks for: tensors in PyTorch's layout
    ASSAY_RETURN_IF_ERROR(
        write_safetensors(folder / "model.safetensors", std::move(tensors), metadata));
    if (const auto* gpt = std::get_if<GptConfig>(&model))
        return write_file(folder / "config.json", view_of(gpt2_config(*gpt)));
    return {};
}

}  // namespace assay::compute
