#include "compute/checkpoint/import_model.h"

#include <bit>
#include <map>
#include <memory>
#include <set>

#include "compute/checkpoint/checkpoint.h"
#include "compute/json/json.h"
#include "compute/models/model.h"

namespace assay::compute {
namespace {

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

// Causal masks and angles that old files carry; the head where it is the embedding again.
bool is_spare(std::string_view name) {
    return name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias") ||
           name.ends_with(".rotary_emb.inv_freq") || name == "lm_head.weight";
}

// The names of the files in an index of weights, each once.
Result<std::set<std::string>> shard_names(const std::filesystem::path& index) {
    ASSAY_ASSIGN(const Bytes text, read_file(index, kMaxWeightIndexBytes));
    ASSAY_ASSIGN(const json::Value root, json::parse(text_of(text)));
    const json::Value* map = root.find("weight_map");
    if (map == nullptr) return fail(Code::kCorrupt, index.string() + ": weight_map is missing");
    std::set<std::string> names;
    for (const json::Member& tensor : map->members) {
        const std::string& name = tensor.value.text;
        if (!tensor.value.is(json::Kind::kString) || name.empty() ||
            std::filesystem::path(name).filename() != name)
            return fail(Code::kCorrupt, index.string() + ": weight_map names '" + name + "' for " +
                                            tensor.key + "; it must be a file of the same folder");
        names.insert(name);
    }
    if (names.empty() || names.size() > kMaxWeightFiles)
        return fail(Code::kCorrupt,
                    index.string() + ": weight_map names " + std::to_string(names.size()) +
                        " files; it must name from 1 to " + std::to_string(kMaxWeightFiles));
    return names;
}

// The tensors of a folder's weights, in one file or several.
class Weights {
public:
    struct Place {
        const SafetensorsFile* file;
        const TensorInfo* info;
    };

    static Result<Weights> open(const std::filesystem::path& folder) {
        Weights weights;
        std::set<std::string> names = {"model.safetensors"};
        weights.path_ = folder / "model.safetensors";
        const auto index = folder / "model.safetensors.index.json";
        if (!std::filesystem::exists(weights.path_) && std::filesystem::exists(index)) {
            ASSAY_ASSIGN(names, shard_names(index));
            weights.path_ = index;
        }
        for (const std::string& name : names) {
            ASSAY_ASSIGN(SafetensorsFile file, SafetensorsFile::open(folder / name));
            weights.files_.push_back(std::make_unique<SafetensorsFile>(std::move(file)));
            for (const TensorInfo& tensor : weights.files_.back()->tensors()) {
                const Place place{weights.files_.back().get(), &tensor};
                if (!weights.places_.emplace(tensor.name, place).second)
                    return weights.wrong(tensor.name, "is in two files");
            }
        }
        return weights;
    }

    const Place* find(std::string_view name) const {
        const auto found = places_.find(name);
        return found == places_.end() ? nullptr : &found->second;
    }
    const std::map<std::string, Place, std::less<>>& places() const { return places_; }
    Error wrong(const std::string& tensor, const std::string& what) const {
        return fail(Code::kCorrupt, path_.string() + ": tensor " + tensor + " " + what);
    }

private:
    std::filesystem::path path_;  // the file, or the index of several
    std::vector<std::unique_ptr<SafetensorsFile>> files_;
    std::map<std::string, Place, std::less<>> places_;
};

Status read_widened(const Weights::Place& place, std::vector<float>& out) {
    const TensorInfo& tensor = *place.info;
    if (tensor.dtype == Dtype::kF32)
        return place.file->read(tensor, {reinterpret_cast<uint8_t*>(out.data()), out.size() * 4});
    std::vector<uint16_t> half(out.size());
    ASSAY_RETURN_IF_ERROR(
        place.file->read(tensor, {reinterpret_cast<uint8_t*>(half.data()), half.size() * 2}));
    for (size_t i = 0; i < half.size(); ++i) {
        out[i] = tensor.dtype == Dtype::kF16 ? widened_f16(half[i])
                                             : std::bit_cast<float>(uint32_t{half[i]} << 16);
    }
    return {};
}

class WeightReader {
public:
    explicit WeightReader(const Weights& weights) : weights_(weights) {}

    Status read(const ModelConfig& model, ModelState& state) {
        const std::vector<ParameterSpec> specs = parameter_specs(model);
        for (size_t i = 0; i < specs.size(); ++i)
            ASSAY_RETURN_IF_ERROR(
                read(export_name(model, specs[i].name), specs[i], state.value[i]));
        for (const auto& [name, place] : weights_.places()) {
            if (!used_.contains(name) && !is_spare(name))
                return weights_.wrong(name, "is not part of the model that config.json describes");
        }
        return check_head(state.value.front());
    }

private:
    // With or without the prefix "transformer." or "model.".
    Status read(const std::string& name, const ParameterSpec& spec, std::vector<float>& out) {
        const Weights::Place* place = weights_.find(name);
        if (place == nullptr) place = weights_.find(name.substr(name.find('.') + 1));
        if (place == nullptr) return weights_.wrong(name, "is missing");
        const TensorInfo& tensor = *place->info;
        if (tensor.shape != std::vector<uint64_t>(spec.shape.begin(), spec.shape.end()))
            return weights_.wrong(name, "has another shape than config.json describes");
        if (tensor.dtype != Dtype::kF32 && tensor.dtype != Dtype::kF16 &&
            tensor.dtype != Dtype::kBF16)
            return weights_.wrong(name, "is " + std::string(dtype_name(tensor.dtype)) +
                                            "; F32, F16 and BF16 are supported");
        used_.insert(tensor.name);
        ASSAY_RETURN_IF_ERROR(read_widened(*place, out));
        for (const float value : out) {
            if (!(value - value == 0.0F))
                return weights_.wrong(name, "holds a value that is not finite");
        }
        return {};
    }

    Status check_head(const std::vector<float>& embedding) const {
        const Weights::Place* head = weights_.find("lm_head.weight");
        if (head == nullptr || used_.contains(head->info->name)) return {};
        std::vector<float> values(embedding.size());
        const uint64_t width = dtype_bits(head->info->dtype) / 8;
        if (head->info->bytes() != values.size() * width || (width != 4 && width != 2))
            return weights_.wrong(head->info->name, "has another size than wte");
        ASSAY_RETURN_IF_ERROR(read_widened(*head, values));
        if (values != embedding)
            return weights_.wrong(
                head->info->name,
                "differs from the embedding; config.json says that they are tied");
        return {};
    }

    const Weights& weights_;
    std::set<std::string> used_;
};

}  // namespace

Result<ModelConfig> import_model(const std::filesystem::path& folder,
                                 const std::filesystem::path& checkpoint, uint32_t context) {
    ASSAY_ASSIGN(const Bytes text, read_file(folder / "config.json", kMaxModelConfigBytes));
    ASSAY_ASSIGN(const ModelConfig model, hugging_face_config(text_of(text), context));
    ASSAY_ASSIGN(const Weights weights, Weights::open(folder));
    ASSAY_ASSIGN(ModelState state, empty_state(model));
    ASSAY_RETURN_IF_ERROR(WeightReader(weights).read(model, state));
    ASSAY_RETURN_IF_ERROR(save_checkpoint(checkpoint, model, state, {}));
    return model;
}

}  // namespace assay::compute
