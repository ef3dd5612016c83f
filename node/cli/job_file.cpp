#include "node/cli/job_file.h"

#include <CLI/CLI.hpp>

#include "compute/checkpoint/checkpoint.h"
#include "compute/checkpoint/import_model.h"
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
}

InitialModel initial_model(const JobFiles& files, const fs::path& scratch,
                           const GlobalOptions& globals) {
    const std::string& path = files.initial;
    InitialModel initial;
    compute::JobConfig job;
    if (fs::is_directory(path)) {
        initial.checkpoint = scratch / "initial.safetensors";
        job.model =
            value_or_fail(globals, compute::import_model(path, initial.checkpoint, files.context));
    } else {
        initial.checkpoint = path;
        job.model = value_or_fail(globals, compute::checkpoint_model(path));
        // Refused here rather than by every provider.
        (void)value_or_fail(globals, compute::load_parameters(path, job.model));
    }
    pb::JobSpec spec;
    contracts::from_job_config(job, spec);
    initial.model = job_spec_to_json(spec).at("model");
    return initial;
}

void set_model(json& spec, const InitialModel& initial, const GlobalOptions& globals) {
    if (spec.contains("model") && spec["model"] != initial.model) {
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
