#include "compute/checkpoint/import_model.h"

#include <bit>
#include <set>

#include "compute/checkpoint/checkpoint.h"
#include "compute/json/json.h"
#include "compute/models/limits.h"
#include "compute/models/model.h"

namespace assay::compute {
namespace {

// Reads the members of a config.json one by one, keeping the first problem.
class ConfigReader {
public:
    explicit ConfigReader(const json::Value& root) : root_(root) {}

    uint32_t size(const char* key, uint64_t max) {
        const json::Value* value = root_.find(key);
        if (value == nullptr) return problem(key, "is missing");
        const auto number = value->as_u64();
        if (!number.ok() || *number == 0 || *number > max)
            return problem(key, "must be a whole number from 1 to " + std::to_string(max));
        return static_cast<uint32_t>(*number);
    }

    // The member, where present and not null, must be this value (as written).
    void expect(const char* key, json::Kind kind, std::string_view text, bool boolean = false) {
        const json::Value* value = root_.find(key);
        if (value == nullptr || value->is(json::Kind::kNull)) return;
        const bool same = value->is(kind) && (kind == json::Kind::kBool ? value->boolean == boolean
                                                                        : value->text == text);
        if (!same) {
            problem(key, "is supported only as " + (kind == json::Kind::kBool
                                                        ? std::string(boolean ? "true" : "false")
                                                        : std::string(text)));
        }
    }
    void expect_number(const char* key, double expected) {
        const json::Value* value = root_.find(key);
        if (value == nullptr || value->is(json::Kind::kNull)) return;
        const auto number = value->as_double();
        if (!number.ok() || *number != expected)
            problem(key, "is supported only as " + std::to_string(expected));
    }
    void one_of(const char* key, const std::set<std::string_view>& names) {
        const json::Value* value = root_.find(key);
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
            status_ = fail(Code::kUnsupported, "config.json: " + std::string(key) + " " + what);
        return 0;
    }

    const json::Value& root_;
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

// The member as billionths, exactly.
Result<uint64_t> in_nano(const json::Value* value, const char* key) {
    const auto number = value == nullptr ? Result<double>(0.0) : value->as_double();
    if (!number.ok() || !(*number > 0 && *number < 1))
        return fail(Code::kUnsupported, std::string("config.json: ") + key + " must be a fraction");
    const auto below = static_cast<uint64_t>(*number * 1e9);  // or one less than it is
    for (const uint64_t nano : {below, below + 1})
        if (static_cast<double>(nano) / 1e9 == *number) return nano;
    return fail(Code::kUnsupported,
                std::string("config.json: ") + key + " is not a whole number of billionths");
}

// Where newer files keep it, or older ones; 10000 where neither says.
Result<uint32_t> rope_base(const json::Value& root) {
    const json::Value* place = &root;
    if (const auto* scaling = root.find("rope_scaling");
        scaling != nullptr && !scaling->is(json::Kind::kNull))
        return fail(Code::kUnsupported, "config.json: rope_scaling is not supported");
    if (const auto* newer = root.find("rope_parameters");
        newer != nullptr && newer->is(json::Kind::kObject)) {
        const auto* type = newer->find("rope_type");
        if (type != nullptr && type->text != "default")
            return fail(Code::kUnsupported, "config.json: rope_parameters.rope_type '" +
                                                type->text + "' is not supported; use default");
        place = newer;
    }
    const json::Value* theta = place->find("rope_theta");
    if (theta == nullptr) return uint32_t{10'000};
    const auto number = theta->as_double();
    if (!number.ok() || !(*number >= 2 && *number <= 1e9) ||
        *number != static_cast<double>(static_cast<uint32_t>(*number)))
        return fail(Code::kUnsupported,
                    "config.json: rope_theta must be a whole number from 2 to 1000000000");
    return static_cast<uint32_t>(*number);
}

Result<ModelConfig> llama_config(const json::Value& root, uint32_t context) {
    ConfigReader reader(root);
    LlamaConfig config;
    config.vocab = reader.size("vocab_size", kMaxVocab);
    config.context = reader.size("max_position_embeddings", UINT32_MAX);
    config.d_model = reader.size("hidden_size", kMaxModelWidth);
    config.n_layer = reader.size("num_hidden_layers", kMaxLayers);
    config.n_head = reader.size("num_attention_heads", kMaxHeads);
    const bool grouped = root.find("num_key_value_heads") != nullptr;
    config.n_kv_head = grouped ? reader.size("num_key_value_heads", kMaxHeads) : config.n_head;
    config.d_ff = reader.size("intermediate_size", 8 * uint64_t{kMaxModelWidth});
    reader.one_of("hidden_act", {"silu", "swish"});
    reader.expect("head_dim", json::Kind::kNumber, std::to_string(config.head_dim()));
    reader.expect("attention_bias", json::Kind::kBool, "", false);
    reader.expect("mlp_bias", json::Kind::kBool, "", false);
    ASSAY_RETURN_IF_ERROR(reader.status());
    ASSAY_ASSIGN(config.eps_nano, in_nano(root.find("rms_norm_eps"), "rms_norm_eps"));
    ASSAY_ASSIGN(config.rope_base, rope_base(root));
    const json::Value* tied = root.find("tie_word_embeddings");
    config.tied = tied != nullptr && tied->boolean;
    if (context > config.context)
        return fail(Code::kInvalidArgument, "context " + std::to_string(context) +
                                                " is more than the model's " +
                                                std::to_string(config.context));
    if (context != 0) config.context = context;
    ASSAY_RETURN_IF_ERROR(validate(ModelConfig(config)));
    return ModelConfig(config);
}

// Exact: every F16 value is an F32 value.
float widened_f16(uint16_t half) {
    const uint32_t sign = uint32_t{half & 0x8000U} << 16;
    const uint32_t exponent = (half >> 10) & 31;
    const uint32_t fraction = half & 1023;
    if (exponent == 31) return std::bit_cast<float>(sign | 0x7F800000U | fraction << 13);
    if (exponent == 0) {  // zero or subnormal: fraction * 2^-24
        const float value = static_cast<float>(fraction) * 0x1p-24F;
        return sign != 0 ? -value : value;
    }
    return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
}

Status read_widened(const SafetensorsFile& file, const TensorInfo& tensor,
                    std::vector<float>& out) {
    if (tensor.dtype == Dtype::kF32)
        return file.read(tensor, {reinterpret_cast<uint8_t*>(out.data()), out.size() * 4});
    std::vector<uint16_t> half(out.size());
    ASSAY_RETURN_IF_ERROR(
        file.read(tensor, {reinterpret_cast<uint8_t*>(half.data()), half.size() * 2}));
    for (size_t i = 0; i < half.size(); ++i) {
        out[i] = tensor.dtype == Dtype::kF16 ? widened_f16(half[i])
                                             : std::bit_cast<float>(uint32_t{half[i]} << 16);
    }
    return {};
}

// Causal masks and angles that old files carry; the head where it is the embedding again.
bool is_spare(std::string_view name) {
    return name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias") ||
           name.ends_with(".rotary_emb.inv_freq") || name == "lm_head.weight";
}

class WeightReader {
public:
    WeightReader(const SafetensorsFile& file, std::string path)
        : file_(file), path_(std::move(path)) {}

    Status read(const ModelConfig& model, ModelState& state) {
        const std::vector<ParameterSpec> specs = parameter_specs(model);
        for (size_t i = 0; i < specs.size(); ++i)
            ASSAY_RETURN_IF_ERROR(
                read(export_name(model, specs[i].name), specs[i], state.value[i]));
        for (const TensorInfo& tensor : file_.tensors()) {
            if (!used_.contains(tensor.name) && !is_spare(tensor.name))
                return wrong(tensor.name, "is not part of the model that config.json describes");
        }
        return check_head(state.value.front());
    }

private:
    Error wrong(const std::string& tensor, const std::string& what) const {
        return fail(Code::kCorrupt, path_ + ": tensor " + tensor + " " + what);
    }

    // With or without the prefix "transformer." or "model.".
    Status read(const std::string& name, const ParameterSpec& spec, std::vector<float>& out) {
        const TensorInfo* tensor = file_.find(name);
        if (tensor == nullptr) tensor = file_.find(name.substr(name.find('.') + 1));
        if (tensor == nullptr) return wrong(name, "is missing");
        if (tensor->shape != std::vector<uint64_t>(spec.shape.begin(), spec.shape.end()))
            return wrong(name, "has another shape than config.json describes");
        if (tensor->dtype != Dtype::kF32 && tensor->dtype != Dtype::kF16 &&
            tensor->dtype != Dtype::kBF16)
            return wrong(name, "is " + std::string(dtype_name(tensor->dtype)) +
                                   "; F32, F16 and BF16 are supported");
        used_.insert(tensor->name);
        ASSAY_RETURN_IF_ERROR(read_widened(file_, *tensor, out));
        for (const float value : out) {
            if (!(value - value == 0.0F)) return wrong(name, "holds a value that is not finite");
        }
        return {};
    }

    Status check_head(const std::vector<float>& embedding) const {
        const TensorInfo* head = file_.find("lm_head.weight");
        if (head == nullptr || used_.contains(head->name)) return {};
        std::vector<float> values(embedding.size());
        const uint64_t width = dtype_bits(head->dtype) / 8;
        if (head->bytes() != values.size() * width || (width != 4 && width != 2))
            return wrong(head->name, "has another size than wte");
        ASSAY_RETURN_IF_ERROR(read_widened(file_, *head, values));
        if (values != embedding)
            return wrong(head->name,
                         "differs from the embedding; config.json says that they are tied");
        return {};
    }

    const SafetensorsFile& file_;
    const std::string path_;
    std::set<std::string> used_;
};

}  // namespace

Result<ModelConfig> hugging_face_config(std::string_view text, uint32_t context) {
    ASSAY_ASSIGN(const json::Value root, json::parse(text));
    const json::Value* type = root.find("model_type");
    const std::string name = type != nullptr ? type->text : "";
    if (name == "llama") return llama_config(root, context);
    if (name == "gpt2") {
        ASSAY_ASSIGN(ModelConfig model, gpt2_config(root));
        if (context == 0 || context == token_model(model)->context) return model;
        return fail(Code::kUnsupported,
                    "only a llama can be given another context: its positions are computed");
    }
    return fail(Code::kUnsupported,
                "config.json: model_type '" + name + "' is not supported; use gpt2 or llama");
}

Result<ModelConfig> import_model(const std::filesystem::path& folder,
                                 const std::filesystem::path& checkpoint, uint32_t context) {
    ASSAY_ASSIGN(const Bytes text, read_file(folder / "config.json", kMaxModelConfigBytes));
    ASSAY_ASSIGN(const ModelConfig model, hugging_face_config(text_of(text), context));
    const auto path = folder / "model.safetensors";
    if (!std::filesystem::exists(path) &&
        std::filesystem::exists(folder / "model.safetensors.index.json"))
        return fail(Code::kUnsupported, folder.string() +
                                            ": weights in several files are not supported; save "
                                            "the model as one model.safetensors");
    ASSAY_ASSIGN(const SafetensorsFile file, SafetensorsFile::open(path));
    ASSAY_ASSIGN(ModelState state, empty_state(model));
    ASSAY_RETURN_IF_ERROR(WeightReader(file, path.string()).read(model, state));
    ASSAY_RETURN_IF_ERROR(save_checkpoint(checkpoint, model, state, {}));
    return model;
}

}  // namespace assay::compute
