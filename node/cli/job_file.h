// The job file of `assay job`: read, checked to be JSON, completed with its data.
// Threads: one. Errors: end the command through report.h, naming the file.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "compute/models/config.h"
#include "node/cli/data_import.h"

namespace assay::node {

nlohmann::json read_job_file(const std::string& file, const GlobalOptions& globals);

// What a job file leaves to the command line.
struct JobFiles {
    std::string job;
    DataFiles data;
    std::string initial;   // a Hugging Face folder or a checkpoint file; empty: none
    uint32_t context = 0;  // of a Hugging Face llama; 0: the file's
    uint32_t lora = 0;     // rank of adapters on the model of `initial`; 0: train all of it
};
// FILE, --data and its options, --initial.
void add_job_file_options(CLI::App& command, JobFiles& files);

struct InitialModel {
    nlohmann::json model;  // as the job file's `model`
    std::filesystem::path checkpoint;
};
// The starting checkpoint of --initial, made in `scratch` when it is a folder of other software.
InitialModel initial_model(const JobFiles& files, const std::filesystem::path& scratch,
                           const GlobalOptions& globals);
// The weights at `path`: a checkpoint file, or a Hugging Face folder imported into `scratch`.
std::filesystem::path weights_file(const std::string& path, uint32_t context,
                                   const std::filesystem::path& scratch,
                                   const GlobalOptions& globals);
// The base under a checkpoint of adapters; ends the command where --base is missing or superfluous.
std::filesystem::path base_file(const std::string& base, const compute::ModelConfig& model,
                                const std::filesystem::path& scratch, const GlobalOptions& globals);
// Sets `model`, which the job file may leave out; ends the command when it names another.
void set_model(nlohmann::json& spec, const InitialModel& initial, const GlobalOptions& globals);

// The job with data.root and data.size (imported into this home's chunk store), and with
// initial.root, initial.size and model, as far as `files` gives them.
nlohmann::json load_job_file(const JobFiles& files, const GlobalOptions& globals);

}  // namespace assay::node
