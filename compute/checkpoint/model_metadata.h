// The model's description in a checkpoint's __metadata__: "model" ("gpt", "mlp" or "llama") and one
// decimal string per size ("hidden": comma-separated). Plain functions; thread-safe; kCorrupt names
// the key.
#pragma once

#include "compute/checkpoint/safetensors.h"
#include "compute/models/config.h"

namespace assay::compute {

Metadata model_metadata(const ModelConfig& model);
Result<ModelConfig> model_from_metadata(const Metadata& metadata);  // validated
// A decimal number in [0, max] without sign or leading zeros.
Result<uint64_t> metadata_number(const Metadata& metadata, const std::string& key, uint64_t max);

}  // namespace assay::compute
