#include "node/cli/job_file.h"

#include <CLI/CLI.hpp>

#include "compute/checkpoint/checkpoint.h"
#include "compute/checkpoint/import_model.h"
#include "compute/models/limits.h"
#include "contracts/job_spec.h"
#include "node/blobs/blob_store.h"
#include "node/cli/report.h"
#include "node/core/config.h"
#include "node/rpc/job_json.h"

namespace assay::node {

using nlohmann::json;
namespace fs = std::filesystem;

namespace {
constexpr uint64_t kMaxJobFileBytes = 1 << 20;
}

json read_job_file(const std::string& file, const GlobalOptions& globals) {
    const auto text = value_or_fail(globals, read_text(file, kMaxJobFileBytes));
    json spec = json::parse(text, nullptr, false);
    if (!spec.is_object()) {
        fail_command(globals, fail(Code::kInvalidArgument,
                                   file + " is not a JSON object. Remedy: see docs/job-spec.md"));
    }
    return spec;
}

void add_job_file_options(CLI::App& command, JobFiles& files) {
    command.add_option("file", files.job, "Job file (docs/job-spec.md)")->required();
    add_data_options(command, files.data);
    command.add_option("--initial", files.initial,
                       "Start from this model: a Hugging Face folder, or a checkpoint file");
    command.add_option("--context", files.context,
                       "With a llama of --initial: tokens of a training sequence (default: all)");
    command
        .add_option("--lora", files.lora,
                    "Train adapters of this rank on the model of --initial, which stays as it is")
        ->check(CLI::Range(1U, compute::kMaxLoraRank))
        ->needs("--initial");
}

fs::path weights_file(const std::string& path, uint32_t context, const fs::path& scratch,
                      const GlobalOptions& globals) {
    if (!fs::is_directory(path)) return path;
    fs::path file = scratch / "initial.safetensors";
    (void)value_or_fail(globals, compute::import_model(path, file, context));
    return file;
}

fs::path base_file(const std::string& base, const compute::ModelConfig& model,
                   const fs::path& scratch, const GlobalOptions& globals) {
    if (compute::frozen_base(model).has_value() == base.empty()) {
        fail_command(globals,
                     fail(Code::kInvalidArgument,
                          base.empty() ? "the checkpoint holds adapters. Remedy: --base MODEL, the "
                                         "model they were trained on"
                                       : "--base is for checkpoints of adapters; this one is a "
                                         "whole model"));
    }
    if (base.empty()) return {};
    const auto tokens = compute::token_model(model);
    return weights_file(base, tokens ? tokens->context : 0, scratch, globals);
}

InitialModel initial_model(const JobFiles& files, const fs::path& scratch,
                           const GlobalOptions& globals) {
    const std::string& path = files.initial;
    InitialModel initial;
    compute::JobConfig job;
    initial.checkpoint = weights_file(path, files.context, scratch, globals);
    job.model = value_or_fail(globals, compute::checkpoint_model(initial.checkpoint));
    // Refused here rather than by every provider.
    (void)value_or_fail(globals, compute::load_parameters(initial.checkpoint, job.model));
    pb::JobSpec spec;
    contracts::from_job_config(job, spec);
    if (files.lora != 0) spec.mutable_model()->set_lora_rank(files.lora);
    initial.model = job_spec_to_json(spec).at("model");
    return initial;
}

// What is left out has its default.
bool describes(const json& written, const json& model) {
    const auto spec = job_spec_from_json({{"model", written}});
    return spec.ok() && job_spec_to_json(*spec).at("model") == model;
}

void set_model(json& spec, const InitialModel& initial, const GlobalOptions& globals) {
    if (spec.contains("model") && !describes(spec["model"], initial.model)) {
        fail_command(globals, fail(Code::kInvalidArgument,
                                   "the job's model is " + spec["model"].dump() +
                                       ", the one of --initial " + initial.model.dump() +
                                       ". Remedy: leave `model` out of the job file"));
    }
    spec["model"] = initial.model;
}

json load_job_file(const JobFiles& files, const GlobalOptions& globals) {
    json spec = read_job_file(files.job, globals);
    if (!files.data.files.empty()) {
        const auto stored = stored_data(files.data, globals);
        spec["data"] = {{"root", "0x" + to_hex(stored.root)}, {"size", stored.size}};
    }
    if (!files.initial.empty()) {
        const HomeLayout home{globals.home};
        std::error_code error;
        fs::create_directories(home.root, error);
        const auto scratch = value_or_fail(globals, ScratchFolder::make(home.root, "import."));
        const auto initial = initial_model(files, scratch.path(), globals);
        set_model(spec, initial, globals);
        auto blobs = value_or_fail(globals, BlobStore::open(home.blobs(), {}));
        const auto stored = value_or_fail(globals, blobs->put_file(initial.checkpoint));
        blobs->pin(stored.root);
        spec["initial"] = {{"root", "0x" + to_hex(stored.root)}, {"size", stored.size}};
    }
    return spec;
}

}  // namespace assay::node
