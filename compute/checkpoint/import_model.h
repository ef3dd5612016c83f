// Models from other software: a Hugging Face folder (config.json and model.safetensors, or several
// files and their model.safetensors.index.json) to a starting checkpoint of the same model: its
// parameters, with moments at zero.
//
// GPT-2, Llama, Qwen2, and Mistral within its window. F32, F16 and BF16 weights are read (widening
// is exact). What would make another model than the one described is refused, never approximated.
// Plain functions. Errors: kUnsupported names the setting and what is supported; kCorrupt names the
// tensor or key.
#pragma once

#include <filesystem>
#include <string_view>

#include "compute/models/config.h"

namespace assay::compute {

inline constexpr uint64_t kMaxModelConfigBytes = 1 << 20;
inline constexpr uint64_t kMaxWeightIndexBytes = 16 << 20;
inline constexpr size_t kMaxWeightFiles = 1024;

// The model that the text of a config.json describes. `context`: less than the file's, for models
// whose positions are computed (llama); 0 takes the file's.
Result<ModelConfig> hugging_face_config(std::string_view text, uint32_t context = 0);

// Writes `checkpoint` (round 0, step 0) and returns the model.
Result<ModelConfig> import_model(const std::filesystem::path& folder,
                                 const std::filesystem::path& checkpoint, uint32_t context = 0);

}  // namespace assay::compute
