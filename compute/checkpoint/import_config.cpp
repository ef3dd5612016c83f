// config.json of Hugging Face to a ModelConfig: GPT-2, Llama and the families that are Llama under
// another name. Members that would make another model are refused by name.
#include <optional>
#include <set>

#include "compute/checkpoint/import_model.h"
#include "compute/json/json.h"
#include "compute/models/limits.h"

namespace assay::compute {
namespace {

// The member; none where it is null, which means the same in these files.
const json::Value* present(const json::Value& object, std::string_view key) {
    const json::Value* value = object.find(key);
    return value == nullptr || value->is(json::Kind::kNull) ? nullptr : value;
}

// Reads the members of one object of a config.json, keeping the first problem.
class ConfigReader {
public:
    // `place`: where the object is, "" or "rope_scaling."
    explicit ConfigReader(const json::Value& object, std::string place = "")
        : object_(object), place_(std::move(place)) {}

    uint32_t size(const char* key, uint64_t max) {
        const json::Value* value = object_.find(key);
        if (value == nullptr) return problem(key, "is missing");
        const auto number = value->as_u64();
        if (!number.ok() || *number == 0 || *number > max)
            return problem(key, "must be a whole number from 1 to " + std::to_string(max));
        return static_cast<uint32_t>(*number);
    }

    // A decimal in (0, max] as billionths, exactly.
    uint64_t nano(const char* key, uint64_t max) {
        const json::Value* value = object_.find(key);
        if (value == nullptr) return problem(key, "is missing");
        const auto number = value->as_double();
        if (!number.ok() || !(*number > 0 && *number <= static_cast<double>(max)))
            return problem(key, "must be a number above 0, at most " + std::to_string(max));
        const auto below = static_cast<uint64_t>(*number * 1e9);  // or one less than it is
        for (const uint64_t nano : {below, below + 1})
            if (static_cast<double>(nano) / 1e9 == *number) return nano;
        return problem(key, "is not a whole number of billionths");
    }

    // The member, where present and not null, must be this value (as written).
    void expect(const char* key, json::Kind kind, std::string_view text, bool boolean = false) {
        const json::Value* value = present(object_, key);
        if (value == nullptr) return;
        const bool same = value->is(kind) && (kind == json::Kind::kBool ? value->boolean == boolean
                                                                        : value->text == text);
        if (!same) {
            problem(key, "is supported only as " + (kind == json::Kind::kBool
                                                        ? std::string(boolean ? "true" : "false")
                                                        : std::string(text)));
        }
    }
    void expect_number(const char* key, double expected) {
        const json::Value* value = present(object_, key);
        if (value == nullptr) return;
        const auto number = value->as_double();
        if (!number.ok() || *number != expected)
            problem(key, "is supported only as " + std::to_string(expected));
    }
    void one_of(const char* key, const std::set<std::string_view>& names) {
        const json::Value* value = object_.find(key);
        if (value != nullptr && value->is(json::Kind::kString) && names.contains(value->text))
            return;
        std::string list;
        for (const auto& name : names) list += (list.empty() ? "" : ", ") + std::string(name);
        problem(key, "is supported only as one of: " + list);
    }

    Status status() const { return status_; }

private:
    uint32_t problem(const char* key, const std::string& what) {
        if (status_.ok())
            status_ = fail(Code::kUnsupported, "config.json: " + place_ + key + " " + what);
        return 0;
    }

    const json::Value& object_;
    const std::string place_;
    Status status_;
};

Result<ModelConfig> gpt2_config(const json::Value& root) {
    ConfigReader reader(root);
    GptConfig config;
    config.vocab = reader.size("vocab_size", kMaxVocab);
    config.context = reader.size("n_positions", kMaxContext);
    config.d_model = reader.size("n_embd", kMaxModelWidth);
    config.n_layer = reader.size("n_layer", kMaxLayers);
    config.n_head = reader.size("n_head", kMaxHeads);
    reader.one_of("activation_function", {"gelu_new", "gelu_pytorch_tanh"});
    reader.expect_number("layer_norm_epsilon", 1e-5);
    reader.expect("n_inner", json::Kind::kNumber, std::to_string(4 * uint64_t{config.d_model}));
    reader.expect("tie_word_embeddings", json::Kind::kBool, "", true);
    reader.expect("scale_attn_weights", json::Kind::kBool, "", true);
    reader.expect("scale_attn_by_inverse_layer_idx", json::Kind::kBool, "", false);
    reader.expect("add_cross_attention", json::Kind::kBool, "", false);
    ASSAY_RETURN_IF_ERROR(reader.status());
    ASSAY_RETURN_IF_ERROR(validate(ModelConfig(config)));
    return ModelConfig(config);
}

// Of an object rope_parameters (newer files) or rope_scaling (older ones, where "type" is oldest).
Result<std::optional<RopeScaling>> rope_scaling_of(const json::Value& root, const char* key) {
    const json::Value& object = *root.find(key);
    if (!object.is(json::Kind::kObject))
        return fail(Code::kUnsupported,
                    "config.json: " + std::string(key) + " must be an object or null");
    ConfigReader reader(object, std::string(key) + ".");
    const char* const type_key = object.find("rope_type") == nullptr ? "type" : "rope_type";
    if (object.find(type_key) != nullptr || std::string_view(key) == "rope_scaling")
        reader.one_of(type_key, {"default", "linear", "llama3"});
    reader.expect_number("partial_rotary_factor", 1.0);
    ASSAY_RETURN_IF_ERROR(reader.status());
    const json::Value* type = object.find(type_key);
    if (type == nullptr || type->text == "default") return std::optional<RopeScaling>{};
    RopeScaling scaling;
    scaling.factor_nano = reader.nano("factor", kMaxRopeFactorNano / kOneNano);
    if (type->text == "llama3") {
        scaling.low_freq_factor_nano =
            reader.nano("low_freq_factor", kMaxRopeFactorNano / kOneNano);
        scaling.high_freq_factor_nano =
            reader.nano("high_freq_factor", kMaxRopeFactorNano / kOneNano);
        scaling.original_context =
            reader.size("original_max_position_embeddings", kMaxOriginalContext);
    }
    ASSAY_RETURN_IF_ERROR(reader.status());
    return std::optional{scaling};
}

// Base and scaling: where newer files keep them, or older ones; 10000 where neither says.
Status read_rope(const json::Value& root, LlamaConfig& config) {
    const bool newer = present(root, "rope_parameters") != nullptr;
    const bool older = present(root, "rope_scaling") != nullptr;
    if (newer) {
        ASSAY_ASSIGN(config.rope_scaling, rope_scaling_of(root, "rope_parameters"));
    }
    if (older) {
        ASSAY_ASSIGN(const auto scaling, rope_scaling_of(root, "rope_scaling"));
        if (newer && scaling != config.rope_scaling)
            return fail(Code::kUnsupported,
                        "config.json: rope_scaling and rope_parameters differ; keep the right one");
        config.rope_scaling = scaling;
    }
    const json::Value* theta =
        newer ? present(*root.find("rope_parameters"), "rope_theta") : nullptr;
    if (theta == nullptr) theta = present(root, "rope_theta");
    if (theta == nullptr) return {};
    const auto number = theta->as_double();
    if (!number.ok() || !(*number >= 2 && *number <= 1e9) ||
        *number != static_cast<double>(static_cast<uint32_t>(*number)))
        return fail(Code::kUnsupported,
                    "config.json: rope_theta must be a whole number from 2 to 1000000000");
    config.rope_base = static_cast<uint32_t>(*number);
    return {};
}

Status set_context(LlamaConfig& config, uint32_t context) {
    if (context > config.context)
        return fail(Code::kInvalidArgument, "context " + std::to_string(context) +
                                                " is more than the model's " +
                                                std::to_string(config.context));
    if (context == 0 && config.context > kMaxContext)
        return fail(Code::kInvalidArgument,
                    "config.json: max_position_embeddings is " + std::to_string(config.context) +
                        ", and a training sequence has at most " + std::to_string(kMaxContext) +
                        " tokens; choose a shorter context (--context N)");
    if (context != 0) config.context = context;
    return {};
}

// Attention to the last `sliding_window` tokens alone is full attention up to that context.
Status check_window(const json::Value& root, std::string_view type, uint32_t context) {
    const json::Value* used = present(root, "use_sliding_window");
    if (type != "mistral" && (used == nullptr || !used->boolean)) return {};
    const json::Value* window = present(root, "sliding_window");
    if (window == nullptr) return {};
    const auto size = window->as_u64();
    if (size.ok() && *size >= context) return {};
    return fail(Code::kUnsupported, "config.json: sliding_window is " + window->text +
                                        ", less than the context of " + std::to_string(context) +
                                        " tokens; choose a context up to it (--context N)");
}

Result<ModelConfig> llama_config(const json::Value& root, std::string_view type, uint32_t context) {
    ConfigReader reader(root);
    LlamaConfig config;
    config.vocab = reader.size("vocab_size", kMaxVocab);
    config.context = reader.size("max_position_embeddings", UINT32_MAX);
    config.d_model = reader.size("hidden_size", kMaxModelWidth);
    config.n_layer = reader.size("num_hidden_layers", kMaxLayers);
    config.n_head = reader.size("num_attention_heads", kMaxHeads);
    const bool grouped = present(root, "num_key_value_heads") != nullptr;
    config.n_kv_head = grouped ? reader.size("num_key_value_heads", kMaxHeads) : config.n_head;
    config.d_ff = reader.size("intermediate_size", 8 * uint64_t{kMaxModelWidth});
    config.eps_nano = reader.nano("rms_norm_eps", 1);
    reader.one_of("hidden_act", {"silu", "swish"});
    reader.expect("head_dim", json::Kind::kNumber, std::to_string(config.head_dim()));
    reader.expect("attention_bias", json::Kind::kBool, "", false);
    reader.expect("mlp_bias", json::Kind::kBool, "", false);
    reader.expect_number("partial_rotary_factor", 1.0);
    ASSAY_RETURN_IF_ERROR(reader.status());
    ASSAY_RETURN_IF_ERROR(read_rope(root, config));
    const json::Value* tied = root.find("tie_word_embeddings");
    config.tied = tied != nullptr && tied->boolean;
    config.qkv_bias = type == "qwen2";
    ASSAY_RETURN_IF_ERROR(set_context(config, context));
    ASSAY_RETURN_IF_ERROR(check_window(root, type, config.context));
    ASSAY_RETURN_IF_ERROR(validate(ModelConfig(config)));
    return ModelConfig(config);
}

}  // namespace

Result<ModelConfig> hugging_face_config(std::string_view text, uint32_t context) {
    ASSAY_ASSIGN(const json::Value root, json::parse(text));
    const json::Value* type = root.find("model_type");
    const std::string name = type != nullptr ? type->text : "";
    if (name == "llama" || name == "mistral" || name == "qwen2")
        return llama_config(root, name, context);
    if (name == "gpt2") {
        ASSAY_ASSIGN(ModelConfig model, gpt2_config(root));
        if (context == 0 || context == token_model(model)->context) return model;
        return fail(Code::kUnsupported,
                    "only a llama can be given another context: its positions are computed");
    }
    return fail(Code::kUnsupported, "config.json: model_type '" + name +
                                        "' is not supported; use gpt2, llama, mistral or qwen2");
}

}  // namespace assay::compute
