#include "compute/checkpoint/model_metadata.h"

#include <charconv>

namespace assay::compute {
namespace {

Error wrong(const std::string& key, const std::string& what) {
    return fail(Code::kCorrupt, "checkpoint metadata `" + key + "` " + what);
}

Result<uint64_t> parse_number(const std::string& key, std::string_view text, uint64_t max) {
    uint64_t value = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    const bool canonical = text == "0" || (!text.empty() && text[0] != '0');
    if (error != std::errc{} || stop != end || !canonical || value > max)
        return wrong(key, "is not a decimal number in range");
    return value;
}

Result<std::vector<uint32_t>> list_from_metadata(const Metadata& metadata, const std::string& key) {
    const auto found = metadata.find(key);
    if (found == metadata.end()) return wrong(key, "is missing");
    std::vector<uint32_t> list;
    std::string_view rest = found->second;
    while (!rest.empty()) {
        const size_t comma = rest.find(',');
        ASSAY_ASSIGN(const uint64_t value, parse_number(key, rest.substr(0, comma), UINT32_MAX));
        list.push_back(static_cast<uint32_t>(value));
        rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
    }
    return list;
}

std::string list_text(const std::vector<uint32_t>& list) {
    std::string text;
    for (const uint32_t value : list) text += (text.empty() ? "" : ",") + std::to_string(value);
    return text;
}

struct NumberField {
    const char* key;
    uint32_t* value;
};

Status read_numbers(const Metadata& metadata, const std::vector<NumberField>& fields) {
    for (const NumberField& field : fields) {
        ASSAY_ASSIGN(const uint64_t value, metadata_number(metadata, field.key, UINT32_MAX));
        *field.value = static_cast<uint32_t>(value);
    }
    return {};
}

Result<MlpConfig> mlp_from_metadata(const Metadata& metadata) {
    MlpConfig config;
    ASSAY_RETURN_IF_ERROR(
        read_numbers(metadata, {{"inputs", &config.inputs}, {"classes", &config.classes}}));
    ASSAY_ASSIGN(config.hidden, list_from_metadata(metadata, "hidden"));
    return config;
}

Result<CnnConfig> cnn_from_metadata(const Metadata& metadata) {
    CnnConfig config;
    ASSAY_RETURN_IF_ERROR(read_numbers(metadata, {{"height", &config.height},
                                                  {"width", &config.width},
                                                  {"channels", &config.channels},
                                                  {"classes", &config.classes}}));
    ASSAY_ASSIGN(config.filters, list_from_metadata(metadata, "filters"));
    ASSAY_ASSIGN(config.strides, list_from_metadata(metadata, "strides"));
    return config;
}

Result<LlamaConfig> llama_from_metadata(const Metadata& metadata) {
    LlamaConfig config;
    ASSAY_RETURN_IF_ERROR(read_numbers(metadata, {{"vocab", &config.vocab},
                                                  {"context", &config.context},
                                                  {"d_model", &config.d_model},
                                                  {"n_layer", &config.n_layer},
                                                  {"n_head", &config.n_head},
                                                  {"n_kv_head", &config.n_kv_head},
                                                  {"d_ff", &config.d_ff},
                                                  {"rope_base", &config.rope_base}}));
    ASSAY_ASSIGN(config.eps_nano, metadata_number(metadata, "eps_nano", UINT64_MAX));
    ASSAY_ASSIGN(const uint64_t tied, metadata_number(metadata, "tied", 1));
    config.tied = tied != 0;
    if (metadata.find("qkv_bias") != metadata.end()) {
        ASSAY_ASSIGN(const uint64_t bias, metadata_number(metadata, "qkv_bias", 1));
        config.qkv_bias = bias != 0;
    }
    if (metadata.find("rope_factor_nano") == metadata.end()) return config;
    RopeScaling& scaling = config.rope_scaling.emplace();
    ASSAY_ASSIGN(scaling.factor_nano, metadata_number(metadata, "rope_factor_nano", UINT64_MAX));
    ASSAY_ASSIGN(scaling.low_freq_factor_nano,
                 metadata_number(metadata, "rope_low_freq_factor_nano", UINT64_MAX));
    ASSAY_ASSIGN(scaling.high_freq_factor_nano,
                 metadata_number(metadata, "rope_high_freq_factor_nano", UINT64_MAX));
    ASSAY_RETURN_IF_ERROR(
        read_numbers(metadata, {{"rope_original_context", &scaling.original_context}}));
    return config;
}

Metadata llama_metadata(const LlamaConfig& llama) {
    Metadata metadata = {{"model", "llama"},
                         {"vocab", std::to_string(llama.vocab)},
                         {"context", std::to_string(llama.context)},
                         {"d_model", std::to_string(llama.d_model)},
                         {"n_layer", std::to_string(llama.n_layer)},
                         {"n_head", std::to_string(llama.n_head)},
                         {"n_kv_head", std::to_string(llama.n_kv_head)},
                         {"d_ff", std::to_string(llama.d_ff)},
                         {"rope_base", std::to_string(llama.rope_base)},
                         {"eps_nano", std::to_string(llama.eps_nano)},
                         {"tied", llama.tied ? "1" : "0"}};
    if (llama.qkv_bias) metadata["qkv_bias"] = "1";
    if (llama.rope_scaling) {
        const RopeScaling& scaling = *llama.rope_scaling;
        metadata["rope_factor_nano"] = std::to_string(scaling.factor_nano);
        metadata["rope_low_freq_factor_nano"] = std::to_string(scaling.low_freq_factor_nano);
        metadata["rope_high_freq_factor_nano"] = std::to_string(scaling.high_freq_factor_nano);
        metadata["rope_original_context"] = std::to_string(scaling.original_context);
    }
    return metadata;
}

Result<GptConfig> gpt_from_metadata(const Metadata& metadata) {
    GptConfig config;
    ASSAY_RETURN_IF_ERROR(read_numbers(metadata, {{"vocab", &config.vocab},
                                                  {"context", &config.context},
                                                  {"d_model", &config.d_model},
                                                  {"n_layer", &config.n_layer},
                                                  {"n_head", &config.n_head}}));
    return config;
}

}  // namespace

Metadata model_metadata(const ModelConfig& model) {
    if (const auto* lora = std::get_if<LoraConfig>(&model)) {
        Metadata metadata = model_metadata(*frozen_base(model));
        metadata["lora_rank"] = std::to_string(lora->rank);
        return metadata;
    }
    if (const auto* gpt = std::get_if<GptConfig>(&model)) {
        return {{"model", "gpt"},
                {"vocab", std::to_string(gpt->vocab)},
                {"context", std::to_string(gpt->context)},
                {"d_model", std::to_string(gpt->d_model)},
                {"n_layer", std::to_string(gpt->n_layer)},
                {"n_head", std::to_string(gpt->n_head)}};
    }
    if (const auto* llama = std::get_if<LlamaConfig>(&model)) return llama_metadata(*llama);
    if (const auto* cnn = std::get_if<CnnConfig>(&model)) {
        return {{"model", "cnn"},
                {"height", std::to_string(cnn->height)},
                {"width", std::to_string(cnn->width)},
                {"channels", std::to_string(cnn->channels)},
                {"filters", list_text(cnn->filters)},
                {"strides", list_text(cnn->strides)},
                {"classes", std::to_string(cnn->classes)}};
    }
    const auto& mlp = std::get<MlpConfig>(model);
    return {{"model", "mlp"},
            {"inputs", std::to_string(mlp.inputs)},
            {"hidden", list_text(mlp.hidden)},
            {"classes", std::to_string(mlp.classes)}};
}

Result<uint64_t> metadata_number(const Metadata& metadata, const std::string& key, uint64_t max) {
    const auto found = metadata.find(key);
    if (found == metadata.end()) return wrong(key, "is missing");
    return parse_number(key, found->second, max);
}

namespace {

Result<ModelConfig> base_from_metadata(const Metadata& metadata) {
    const auto kind = metadata.find("model");
    if (kind == metadata.end()) return wrong("model", "is missing");
    if (kind->second == "gpt") {
        ASSAY_ASSIGN(const GptConfig gpt, gpt_from_metadata(metadata));
        ASSAY_RETURN_IF_ERROR(validate(gpt));
        return ModelConfig(gpt);
    }
    if (kind->second == "llama") {
        ASSAY_ASSIGN(const LlamaConfig llama, llama_from_metadata(metadata));
        ASSAY_RETURN_IF_ERROR(validate(llama));
        return ModelConfig(llama);
    }
    if (kind->second == "cnn") {
        ASSAY_ASSIGN(const CnnConfig cnn, cnn_from_metadata(metadata));
        ASSAY_RETURN_IF_ERROR(validate(cnn));
        return ModelConfig(cnn);
    }
    if (kind->second == "mlp") {
        ASSAY_ASSIGN(const MlpConfig mlp, mlp_from_metadata(metadata));
        ASSAY_RETURN_IF_ERROR(validate(mlp));
        return ModelConfig(mlp);
    }
    return wrong("model", "names an unknown model: " + kind->second);
}

}  // namespace

Result<ModelConfig> model_from_metadata(const Metadata& metadata) {
    ASSAY_ASSIGN(ModelConfig base, base_from_metadata(metadata));
    if (metadata.find("lora_rank") == metadata.end()) return base;
    LoraConfig lora;
    ASSAY_ASSIGN(const uint64_t rank, metadata_number(metadata, "lora_rank", UINT32_MAX));
    lora.rank = static_cast<uint32_t>(rank);
    if (const auto* gpt = std::get_if<GptConfig>(&base)) {
        lora.base = *gpt;
    } else if (const auto* llama = std::get_if<LlamaConfig>(&base)) {
        lora.base = *llama;
    } else {
        return wrong("lora_rank", "belongs to no " + std::string(model_name(base)));
    }
    ASSAY_RETURN_IF_ERROR(validate(lora));
    return ModelConfig(lora);
}

}  // namespace assay::compute
