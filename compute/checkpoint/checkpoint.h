// Training checkpoints: a safetensors file with every parameter, its moments ("m.NAME", "v.NAME")
// and, when the plan has one, the outer momentum ("outer.NAME"), all F32; __metadata__ holds the
// format, the model and how far training has come. Model files: the parameters alone, under the
// names other software expects (docs/formats.md).
//
// Equal content gives equal files: no time stamps, fixed order. Plain functions; threads: none
// inside. Errors: kCorrupt names the tensor or key that is missing, unexpected or of the wrong
// shape or type.
#pragma once

#include <filesystem>

#include "compute/checkpoint/artifact.h"
#include "compute/checkpoint/safetensors.h"
#include "compute/kernels/backend.h"
#include "compute/models/config.h"
#include "compute/models/state.h"

namespace assay::compute {

inline constexpr std::string_view kCheckpointFormat = "assay-checkpoint-1";

struct Progress {
    uint32_t round = 0;  // rounds that are finished or, in a shard's output, being finished
    uint64_t step = 0;   // optimiser steps done
    bool operator==(const Progress&) const = default;
};

Status save_checkpoint(const std::filesystem::path& path, const ModelConfig& model,
                       const ModelState& state, const Progress& progress);

// Where the tensors of a state lie, perhaps in the backend's memory; indexed like ModelState.
struct StatePlaces {
    std::vector<const float*> value, m, v, outer;
};
StatePlaces places_of(const ModelState& state);

// The manifest of the file that save_checkpoint would write, without writing it: the backend hashes
// where the state lies. kFault and kUnavailable as in the backend.
Result<Manifest> checkpoint_manifest(Backend& backend, const ModelConfig& model,
                                     const StatePlaces& places, const Progress& progress);

struct Checkpoint {
    ModelState state;
    Progress progress;
};
// The file must be a checkpoint of exactly this model.
Result<Checkpoint> load_checkpoint(const std::filesystem::path& path, const ModelConfig& model);
// Parameters alone, moments zero: from a checkpoint or from any file with the parameters' names.
Result<ModelState> load_parameters(const std::filesystem::path& path, const ModelConfig& model);
// The model a checkpoint says it holds.
// Where `model` is adapters: state.frozen from the base's file; else nothing, and no file is read.
Status load_frozen(const std::filesystem::path& path, const ModelConfig& model, ModelState& state);
Result<ModelConfig> checkpoint_model(const std::filesystem::path& path);

// Opened without reading tensors; used to combine many files tensor by tensor.
class CheckpointReader {
public:
    static Result<CheckpointReader> open(const std::filesystem::path& path,
                                         const ModelConfig& model);
    const Progress& progress() const { return progress_; }
    bool has_outer() const { return has_outer_; }
    // Elements [offset, offset + out.size()) of tensor prefix + NAME, prefix "", "m.", "v.",
    // "outer.".
    Status read(std::string_view prefix, const std::string& name, uint64_t offset,
                std::span<float> out) const;

private:
    CheckpointReader(SafetensorsFile file, Progress progress, bool has_outer)
        : file_(std::move(file)), progress_(progress), has_outer_(has_outer) {}
    SafetensorsFile file_;
    Progress progress_;
    bool has_outer_;
};

// Writes `folder`/model.safetensors and, for gpt and llama, `folder`/config.json, with the names
// and layout of Hugging Face GPT-2 and Llama. Adapters: adapter_model.safetensors and
// adapter_config.json, as PEFT reads them.
Status export_model(const std::filesystem::path& checkpoint, const std::filesystem::path& folder);
// The name under which a parameter is exported.
std::string export_name(const ModelConfig& model, const std::string& parameter);

}  // namespace assay::compute
