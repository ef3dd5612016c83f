// Model files for other software: Hugging Face names of GPT-2 and Llama. GPT-2's Conv1D weights are
// (inputs, outputs) and Llama's Linear weights (outputs, inputs), as ours are, so no tensor is
// transposed; GPT-2's head is tied to wte. Adapters go in the form of PEFT.
#include <algorithm>

#include "compute/checkpoint/checkpoint.h"
#include "compute/checkpoint/model_metadata.h"
#include "compute/models/limits.h"
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

constexpr Rename kLlamaNames[] = {
    {"embed", "embed_tokens.weight"},
    {"norm_f.g", "norm.weight"},
    {"norm_1.g", "input_layernorm.weight"},
    {"q.w", "self_attn.q_proj.weight"},
    {"k.w", "self_attn.k_proj.weight"},
    {"v.w", "self_attn.v_proj.weight"},
    {"q.b", "self_attn.q_proj.bias"},
    {"k.b", "self_attn.k_proj.bias"},
    {"v.b", "self_attn.v_proj.bias"},
    {"o.w", "self_attn.o_proj.weight"},
    {"norm_2.g", "post_attention_layernorm.weight"},
    {"gate.w", "mlp.gate_proj.weight"},
    {"up.w", "mlp.up_proj.weight"},
    {"down.w", "mlp.down_proj.weight"},
};

std::string field(const char* name, uint32_t value) {
    return "  \"" + std::string(name) + "\": " + std::to_string(value) + ",\n";
}

// Billionths as a decimal fraction with nine digits: exact.
std::string fraction(uint64_t nano) {
    std::string digits = std::to_string(nano % kOneNano);
    digits.insert(0, 9 - digits.size(), '0');
    return std::to_string(nano / kOneNano) + "." + digits;
}

std::string scaling_config(const RopeScaling& s) {
    if (s.original_context == 0)
        return "\"rope_type\": \"linear\", \"factor\": " + fraction(s.factor_nano);
    return "\"rope_type\": \"llama3\", \"factor\": " + fraction(s.factor_nano) +
           ", \"low_freq_factor\": " + fraction(s.low_freq_factor_nano) +
           ", \"high_freq_factor\": " + fraction(s.high_freq_factor_nano) +
           ", \"original_max_position_embeddings\": " + std::to_string(s.original_context);
}

// Newer readers know rope_parameters, older ones rope_theta and rope_scaling.
std::string rope_config(const LlamaConfig& c) {
    const std::string theta = "\"rope_theta\": " + std::to_string(c.rope_base) + ".0";
    std::string text = "  " + theta + ",\n", type = "\"rope_type\": \"default\"";
    if (c.rope_scaling) {
        type = scaling_config(*c.rope_scaling);
        text += "  \"rope_scaling\": {" + type + "},\n";
    }
    return text + "  \"rope_parameters\": {" + type + ", " + theta + "},\n";
}

std::string llama_config(const LlamaConfig& c) {
    const char* const type = c.qkv_bias ? "  \"architectures\": [\"Qwen2ForCausalLM\"],\n"
                                          "  \"model_type\": \"qwen2\",\n"
                                          "  \"use_sliding_window\": false,\n"
                                        : "  \"architectures\": [\"LlamaForCausalLM\"],\n"
                                          "  \"model_type\": \"llama\",\n"
                                          "  \"attention_bias\": false,\n"
                                          "  \"mlp_bias\": false,\n";
    return std::string("{\n") + type + field("vocab_size", c.vocab) +
           field("max_position_embeddings", c.context) + field("hidden_size", c.d_model) +
           field("num_hidden_layers", c.n_layer) + field("num_attention_heads", c.n_head) +
           field("num_key_value_heads", c.n_kv_head) + field("head_dim", c.head_dim()) +
           field("intermediate_size", c.d_ff) +
           "  \"hidden_act\": \"silu\",\n  \"rms_norm_eps\": " + fraction(c.eps_nano) + ",\n" +
           rope_config(c) +
           "  \"attention_dropout\": 0.0,\n  \"bos_token_id\": null,\n"
           "  \"eos_token_id\": null,\n  \"tie_word_embeddings\": " +
           (c.tied ? "true" : "false") + ",\n  \"torch_dtype\": \"float32\"\n}\n";
}

std::string gpt2_config(const GptConfig& c) {
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
    if (sample_model(model)) {
        const size_t dot = parameter.rfind('.');
        return parameter.substr(0, dot) + (parameter.ends_with(".w") ? ".weight" : ".bias");
    }
    std::string layer;  // "h.<i>."
    if (parameter.starts_with("h.")) layer = parameter.substr(0, parameter.find('.', 2) + 1);
    const std::string rest = parameter.substr(layer.size());
    if (std::holds_alternative<LlamaConfig>(model)) {
        if (parameter == "head") return "lm_head.weight";
        const std::string place = layer.empty() ? "model." : "model.layers." + layer.substr(2);
        for (const Rename& rename : kLlamaNames)
            if (rename.ours == rest) return place + std::string(rename.theirs);
    }
    for (const Rename& rename : kGptNames) {
        if (rename.ours == rest) return "transformer." + layer + std::string(rename.theirs);
    }
    return parameter;
}

namespace {

struct Transposed {
    std::vector<float> values;
    std::vector<uint64_t> shape;
};

Transposed transposed(const ParameterSpec& spec, const std::vector<float>& values) {
    const auto rows = static_cast<size_t>(spec.shape[0]), cols = static_cast<size_t>(spec.shape[1]);
    Transposed out{std::vector<float>(values.size()), {cols, rows}};
    for (size_t r = 0; r < rows; ++r)
        for (size_t c = 0; c < cols; ++c) out.values[c * rows + r] = values[r * cols + c];
    return out;
}

std::string adapter_config(const LoraConfig& config) {
    const bool gpt = std::holds_alternative<GptConfig>(config.base);
    return "{\n  \"peft_type\": \"LORA\",\n  \"task_type\": \"CAUSAL_LM\",\n" +
           field("r", config.rank) + field("lora_alpha", config.rank) +
           "  \"lora_dropout\": 0.0,\n  \"bias\": \"none\",\n  \"inference_mode\": true,\n"
           "  \"base_model_name_or_path\": null,\n" +
           (gpt ? "  \"fan_in_fan_out\": true,\n"
                  "  \"target_modules\": [\"c_attn\", \"c_proj\", \"c_fc\"]\n}\n"
                : "  \"fan_in_fan_out\": false,\n"
                  "  \"target_modules\": [\"q_proj\", \"k_proj\", \"v_proj\", \"o_proj\", "
                  "\"gate_proj\", \"up_proj\", \"down_proj\"]\n}\n");
}

// PEFT's form: A is (rank x inputs), B (outputs x rank).
Status export_adapters(const LoraConfig& config, const ModelState& state,
                       const std::filesystem::path& folder) {
    const ModelConfig base = *frozen_base(config);
    const bool turn = std::holds_alternative<GptConfig>(config.base);
    const std::vector<ParameterSpec> specs = parameter_specs(config);
    std::vector<Transposed> turned;
    std::vector<TensorSource> tensors;
    for (size_t i = 0; i < specs.size(); ++i) {
        const std::string& name = specs[i].name;  // "h.0.q.lora_a"
        const size_t dot = name.rfind('.');
        std::string place = export_name(base, name.substr(0, dot) + ".w");
        place.resize(place.size() - std::string_view("weight").size());
        Transposed as_is{{}, {specs[i].shape.begin(), specs[i].shape.end()}};
        turned.push_back(turn ? transposed(specs[i], state.value[i]) : std::move(as_is));
        const std::vector<float>& values = turn ? turned.back().values : state.value[i];
        tensors.push_back({"base_model.model." + place +
                               (name.ends_with("_a") ? "lora_A.weight" : "lora_B.weight"),
                           Dtype::kF32,
                           turned.back().shape,
                           {reinterpret_cast<const uint8_t*>(values.data()), values.size() * 4}});
    }
    Metadata metadata = model_metadata(config);
    metadata["format"] = "pt";
    ASSAY_RETURN_IF_ERROR(
        write_safetensors(folder / "adapter_model.safetensors", std::move(tensors), metadata));
    return write_file(folder / "adapter_config.json", view_of(adapter_config(config)));
}

}  // namespace

Status export_model(const std::filesystem::path& checkpoint, const std::filesystem::path& folder) {
    ASSAY_ASSIGN(const ModelConfig model, checkpoint_model(checkpoint));
    ASSAY_ASSIGN(const ModelState state, load_parameters(checkpoint, model));
    if (const auto* lora = std::get_if<LoraConfig>(&model))
        return export_adapters(*lora, state, folder);
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
    if (const auto* llama = std::get_if<LlamaConfig>(&model))
        return write_file(folder / "config.json", view_of(llama_config(*llama)));
    return {};
}

}  // namespace assay::compute
