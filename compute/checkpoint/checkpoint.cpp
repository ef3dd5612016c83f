#include "compute/checkpoint/checkpoint.h"

#include <algorithm>
#include <charconv>

#include "compute/checkpoint/model_metadata.h"
#include "compute/models/model.h"

namespace assay::compute {
namespace {

std::vector<uint64_t> unsigned_shape(const ParameterSpec& spec) {
    return {spec.shape.begin(), spec.shape.end()};
}

std::span<uint8_t> bytes_of_floats(std::span<float> values) {
    return {reinterpret_cast<uint8_t*>(values.data()), values.size_bytes()};
}

Error wrong(const std::filesystem::path& path, const std::string& what) {
    return fail(Code::kCorrupt, path.string() + ": " + what);
}

Status check_tensor(const SafetensorsFile& file, const std::filesystem::path& path,
                    const std::string& name, const ParameterSpec& spec) {
    const TensorInfo* tensor = file.find(name);
    if (tensor == nullptr) return wrong(path, "tensor " + name + " is missing");
    if (tensor->dtype != Dtype::kF32) return wrong(path, "tensor " + name + " is not F32");
    if (tensor->shape != unsigned_shape(spec))
        return wrong(path, "tensor " + name + " has another shape than the model");
    return {};
}

// Of a checkpoint's file. The bytes may lie where only the backend can read them.
std::vector<TensorSource> sources_of(const ModelConfig& model, const StatePlaces& places) {
    std::vector<TensorSource> tensors;
    const std::vector<ParameterSpec> specs = parameter_specs(model);
    for (size_t i = 0; i < specs.size(); ++i) {
        const auto add = [&](const char* prefix, const float* values) {
            tensors.push_back({prefix + specs[i].name,
                               Dtype::kF32,
                               unsigned_shape(specs[i]),
                               {reinterpret_cast<const uint8_t*>(values),
                                static_cast<size_t>(specs[i].size()) * sizeof(float)}});
        };
        add("", places.value[i]);
        add("m.", places.m[i]);
        add("v.", places.v[i]);
        if (!places.outer.empty()) add("outer.", places.outer[i]);
    }
    return tensors;
}

Metadata metadata_of(const ModelConfig& model, const Progress& progress) {
    Metadata metadata = model_metadata(model);
    metadata["format"] = kCheckpointFormat;
    metadata["round"] = std::to_string(progress.round);
    metadata["step"] = std::to_string(progress.step);
    return metadata;
}

Status read_floats(const SafetensorsFile& file, const std::string& name, std::vector<float>& out) {
    return file.read(*file.find(name), bytes_of_floats(std::span<float>(out)));
}

// Under our name or the exported one, with the right type and shape.
Result<std::string> name_in(const SafetensorsFile& file, const std::filesystem::path& path,
                            const ModelConfig& model, const ParameterSpec& spec) {
    const bool own = file.find(spec.name) != nullptr;
    const std::string name = own ? spec.name : export_name(model, spec.name);
    ASSAY_RETURN_IF_ERROR(check_tensor(file, path, name, spec));
    return name;
}

}  // namespace

Status save_checkpoint(const std::filesystem::path& path, const ModelConfig& model,
                       const ModelState& state, const Progress& progress) {
    return write_safetensors(path, sources_of(model, places_of(state)),
                             metadata_of(model, progress));
}

StatePlaces places_of(const ModelState& state) {
    StatePlaces places;
    const auto list = [](const std::vector<std::vector<float>>& from,
                         std::vector<const float*>& to) {
        for (const std::vector<float>& each : from) to.push_back(each.data());
    };
    list(state.value, places.value);
    list(state.m, places.m);
    list(state.v, places.v);
    list(state.outer, places.outer);
    return places;
}

Result<Manifest> checkpoint_manifest(Backend& backend, const ModelConfig& model,
                                     const StatePlaces& places, const Progress& progress) {
    std::vector<TensorSource> tensors = sources_of(model, places);
    ASSAY_ASSIGN(const Bytes prefix, safetensors_prefix(tensors, metadata_of(model, progress)));
    std::vector<MemoryPiece> pieces = {{prefix.data(), prefix.size()}};
    Manifest manifest;
    manifest.size = prefix.size();
    for (const TensorSource& tensor : tensors) {
        pieces.push_back({tensor.bytes.data(), tensor.bytes.size()});
        manifest.size += tensor.bytes.size();
    }
    manifest.chunks.resize(Manifest::chunk_count(manifest.size));
    backend.chunk_leaves(pieces, kChunkBytes, manifest.chunks.data());
    if (const std::string failure = backend.failure(); !failure.empty())
        return fail(Code::kUnavailable, failure);
    if (backend.faulted())
        return fail(Code::kFault, "the state is that of a step that left the arithmetic's domain");
    return manifest;
}

Result<CheckpointReader> CheckpointReader::open(const std::filesystem::path& path,
                                                const ModelConfig& model) {
    ASSAY_ASSIGN(SafetensorsFile file, SafetensorsFile::open(path));
    const Metadata& metadata = file.metadata();
    const auto format = metadata.find("format");
    if (format == metadata.end() || format->second != kCheckpointFormat)
        return wrong(path, "is not a training checkpoint (metadata `format`)");
    Progress progress;
    ASSAY_ASSIGN(const uint64_t round, metadata_number(metadata, "round", UINT32_MAX));
    ASSAY_ASSIGN(progress.step, metadata_number(metadata, "step", UINT64_MAX - 1));
    progress.round = static_cast<uint32_t>(round);
    for (const auto& [key, value] : model_metadata(model)) {
        const auto found = metadata.find(key);
        if (found == metadata.end() || found->second != value)
            return wrong(path, std::string("metadata `")
                                   .append(key)
                                   .append("` is not that of the job's model, " + value));
    }
    const std::vector<ParameterSpec> specs = parameter_specs(model);
    const bool outer = file.find("outer." + specs[0].name) != nullptr;
    for (const ParameterSpec& spec : specs) {
        for (const char* prefix : {"", "m.", "v.", "outer."}) {
            if (std::string_view(prefix) == "outer." && !outer) continue;
            ASSAY_RETURN_IF_ERROR(check_tensor(file, path, prefix + spec.name, spec));
        }
    }
    const size_t expected = specs.size() * (outer ? 4 : 3);
    if (file.tensors().size() != expected)
        return wrong(path, "has " + std::to_string(file.tensors().size()) +
                               " tensors; the model has " + std::to_string(expected));
    return CheckpointReader(std::move(file), progress, outer);
}

Status CheckpointReader::read(std::string_view prefix, const std::string& name, uint64_t offset,
                              std::span<float> out) const {
    const TensorInfo* tensor = file_.find(std::string(prefix) + name);
    if (tensor == nullptr) return fail(Code::kInternal, "no tensor " + std::string(prefix) + name);
    return file_.read_part(*tensor, offset * sizeof(float), bytes_of_floats(out));
}

Result<Checkpoint> load_checkpoint(const std::filesystem::path& path, const ModelConfig& model) {
    ASSAY_ASSIGN(const CheckpointReader reader, CheckpointReader::open(path, model));
    Checkpoint checkpoint;
    ASSAY_ASSIGN(checkpoint.state, empty_state(model));
    checkpoint.progress = reader.progress();
    ModelState& state = checkpoint.state;
    if (reader.has_outer()) state.outer = state.m;
    const std::vector<ParameterSpec> specs = parameter_specs(model);
    for (size_t i = 0; i < specs.size(); ++i) {
        const std::string& name = specs[i].name;
        ASSAY_RETURN_IF_ERROR(reader.read("", name, 0, state.value[i]));
        ASSAY_RETURN_IF_ERROR(reader.read("m.", name, 0, state.m[i]));
        ASSAY_RETURN_IF_ERROR(reader.read("v.", name, 0, state.v[i]));
        if (reader.has_outer())
            ASSAY_RETURN_IF_ERROR(reader.read("outer.", name, 0, state.outer[i]));
    }
    return checkpoint;
}

Result<ModelState> load_parameters(const std::filesystem::path& path, const ModelConfig& model) {
    ASSAY_ASSIGN(const SafetensorsFile file, SafetensorsFile::open(path));
    ASSAY_ASSIGN(ModelState state, empty_state(model));
    const std::vector<ParameterSpec> specs = parameter_specs(model);
    for (size_t i = 0; i < specs.size(); ++i) {
        ASSAY_ASSIGN(const std::string name, name_in(file, path, model, specs[i]));
        ASSAY_RETURN_IF_ERROR(read_floats(file, name, state.value[i]));
    }
    return state;
}

Status load_frozen(const std::filesystem::path& path, const ModelConfig& model, ModelState& state) {
    const auto base = frozen_base(model);
    if (!base) return {};
    if (path.empty()) {
        return fail(Code::kInvalidArgument,
                    "the model is adapters: it needs the base model they were trained on");
    }
    ASSAY_ASSIGN(const SafetensorsFile file, SafetensorsFile::open(path));
    state.frozen.clear();
    for (const ParameterSpec& spec : parameter_specs(*base)) {
        ASSAY_ASSIGN(const std::string name, name_in(file, path, *base, spec));
        state.frozen.emplace_back(static_cast<size_t>(spec.size()));
        ASSAY_RETURN_IF_ERROR(read_floats(file, name, state.frozen.back()));
    }
    return {};
}

Result<ModelConfig> checkpoint_model(const std::filesystem::path& path) {
    ASSAY_ASSIGN(const SafetensorsFile file, SafetensorsFile::open(path));
    return model_from_metadata(file.metadata());
}

}  // namespace assay::compute
