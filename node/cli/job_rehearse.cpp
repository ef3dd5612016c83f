// assay job rehearse: a whole job on this machine alone, for nothing: every task of the plan, in
// order, with the bits that the network would deliver. assay job evaluate: the loss of a
// checkpoint.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "compute/checkpoint/artifact.h"
#include "compute/checkpoint/checkpoint.h"
#include "compute/train/evaluate.h"
#include "compute/train/round_start.h"
#include "compute/train/task.h"
#include "contracts/job_spec.h"
#include "ledger/codec/block.h"
#include "node/cli/cli.h"
#include "node/cli/data_import.h"
#include "node/cli/job_file.h"
#include "node/cli/report.h"
#include "node/cli/store.h"
#include "node/core/config.h"
#include "node/rpc/job_json.h"

namespace assay::node {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

struct RehearseFlags {
    JobFiles files;
    std::string out;
    std::string backend;
    uint32_t threads = 0;
    uint32_t devices = 1;
    bool keep = false;
    uint64_t memory_mb = 0;
};

struct EvaluateFlags {
    std::string checkpoint;
    DataFiles data;
    std::string base;
    std::string backend;
    uint32_t slices = 2;
    uint64_t batches = 0;
};

class Rehearsal {
public:
    Rehearsal(const RehearseFlags& flags, const GlobalOptions& globals)
        : flags_(flags), globals_(globals), folder_(flags.out) {}

    void run() {
        make_folder();
        read_job();
        prepare();
        const auto start = std::chrono::steady_clock::now();
        for (uint32_t round = 0; round < job_.plan.rounds; ++round) run_round(round);
        ok_or_fail(globals_, write_text(folder_ / "losses.csv", losses_, 0644));
        const fs::path final = folder_ / "checkpoint.safetensors";
        std::error_code error;
        if (flags_.keep)
            fs::copy_file(checkpoint_, final, fs::copy_options::overwrite_existing, error);
        else
            fs::rename(checkpoint_, final, error);
        if (error) fail_command(globals_, fail(Code::kIo, final.string() + ": " + error.message()));
        ok_or_fail(globals_, compute::export_model(final, folder_));
        const auto manifest = value_or_fail(globals_, compute::manifest_of_file(final));
        const double seconds =
            std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        const std::string root = "0x" + to_hex(manifest.root());
        print_result(globals_,
                     {{"folder", flags_.out},
                      {"root", root},
                      {"firstLoss", first_loss_},
                      {"lastLoss", last_loss_},
                      {"seconds", seconds}},
                     "checkpoint   " + final.string() + "\nroot         " + root +
                         "\nlosses       " + (folder_ / "losses.csv").string());
    }

private:
    void make_folder() {
        std::error_code error;
        fs::create_directories(folder_, error);
        if (error) {
            fail_command(globals_, fail(Code::kIo, "cannot make --out " + flags_.out + ": " +
                                                       error.message()));
        }
        scratch_.emplace(value_or_fail(globals_, ScratchFolder::make(folder_, "rehearse.")));
    }

    void read_job() {
        auto document = read_job_file(flags_.files.job, globals_);
        if (flags_.files.data.files.empty() && !document.contains("data")) {
            fail_command(globals_, fail(Code::kInvalidArgument,
                                        flags_.files.job + " names no data. Remedy: --data FILE"));
        }
        if (!flags_.files.initial.empty()) {
            const auto initial = initial_model(flags_.files, scratch_->path(), globals_);
            set_model(document, initial, globals_);
            // The rules want a reference; a file at hand needs none.
            document["initial"] = {{"root", "0x" + std::string(64, '0')}, {"size", 1U}};
            initial_ = initial.checkpoint;
        }
        // The rules want a reference to the data; a file at hand needs none.
        if (!flags_.files.data.files.empty())
            document["data"] = {{"root", "0x" + std::string(64, '0')}, {"size", 1U}};
        spec_ = value_or_fail(globals_, job_spec_from_json(document));
        // No chain is asked, so it may be a job for rules that a chain does not execute yet.
        ok_or_fail(globals_, contracts::validate_job(spec_, ledger::kAppVersion));
        job_ = value_or_fail(globals_, contracts::to_job_config(spec_));
    }

    void prepare() {
        if (flags_.files.data.files.empty()) {
            data_ = materialised(spec_.data(), "data");
        } else {
            data_ = value_or_fail(globals_, canonical_data(flags_.files.data, scratch_->path()));
        }
        if (initial_.empty() && spec_.has_initial())
            initial_ = materialised(spec_.initial(), "initial");
        (spec_.model().lora_rank() == 0 ? checkpoint_ : base_) = initial_;
        backend_ = value_or_fail(
            globals_, compute::make_backend({flags_.backend, static_cast<int>(flags_.threads),
                                             static_cast<int>(flags_.devices)}));
        if (flags_.keep) {
            const auto state = value_or_fail(globals_, compute::round_start(job_, 0, checkpoint_));
            ok_or_fail(globals_, compute::save_checkpoint(folder_ / "round-0.safetensors",
                                                          job_.model, state, {0, 0}));
        }
    }

    fs::path materialised(const pb::ArtifactRef& ref, const char* name) {
        const auto root = hash_from(view_of(ref.root()));
        if (!root)
            fail_command(globals_, fail(Code::kInvalidArgument,
                                        std::string(name) + ".root must be 32 bytes"));
        fs::path file = scratch_->path() / name;
        ok_or_fail(globals_, open_existing_store({}, globals_)->materialise(*root, file));
        return file;
    }

    void run_round(uint32_t round) {
        compute::TaskInputs inputs{checkpoint_, data_, base_, {}};
        compute::TaskRun run;
        run.backend = backend_.get();
        run.memory_bytes = flags_.memory_mb << 20;
        const fs::path& work = scratch_->path();
        std::vector<fs::path> outputs;
        for (uint32_t shard = 0; shard < job_.plan.shards; ++shard) {
            const compute::TaskPaths paths{work / ("shard-" + std::to_string(shard)),
                                           work / "trace"};
            ok_or_fail(globals_, compute::run_train_task(job_, round, shard, inputs, paths, run));
            record(round, shard, value_or_fail(globals_, compute::read_trace(paths.trace)));
            outputs.push_back(paths.output);
        }
        const fs::path next = (flags_.keep ? folder_ : work) /
                              ("round-" + std::to_string(round + 1) + ".safetensors");
        if (contracts::needs_aggregation(spec_.plan())) {
            inputs.shard_outputs = outputs;
            ok_or_fail(globals_, compute::run_aggregate_task(job_, round, inputs,
                                                             {next, work / "trace"}, run));
        } else {
            std::error_code error;
            fs::rename(outputs.front(), next, error);
            if (error)
                fail_command(globals_, fail(Code::kIo, next.string() + ": " + error.message()));
        }
        if (!flags_.keep && round > 0) {
            std::error_code ignored;
            fs::remove(checkpoint_, ignored);
        }
        checkpoint_ = next;
        if (!globals_.json) {
            std::fprintf(stderr, "round %u of %u  loss %.4f\n", round + 1, job_.plan.rounds,
                         last_loss_);
        }
    }

    void record(uint32_t round, uint32_t shard, const compute::Trace& trace) {
        for (size_t i = 0; i < trace.steps.size(); ++i) {
            const unsigned long long step = trace.first_step + i;
            char line[96];
            std::snprintf(line, sizeof line, "%llu,%u,%.9g,%.9g\n", step, shard,
                          static_cast<double>(trace.steps[i].loss),
                          static_cast<double>(trace.steps[i].grad_norm));
            losses_ += line;
        }
        if (round == 0 && shard == 0) first_loss_ = static_cast<double>(trace.steps.front().loss);
        last_loss_ = static_cast<double>(trace.steps.back().loss);
    }

    const RehearseFlags& flags_;
    const GlobalOptions& globals_;
    const fs::path folder_;
    std::optional<ScratchFolder> scratch_;
    pb::JobSpec spec_;
    compute::JobConfig job_;
    fs::path data_, initial_;
    fs::path checkpoint_;  // empty: weights from the seed
    fs::path base_;        // where adapters are trained
    std::unique_ptr<compute::Backend> backend_;
    std::string losses_ = "step,shard,loss,grad_norm\n";
    double first_loss_ = 0, last_loss_ = 0;
};

void evaluate(const EvaluateFlags& flags, const GlobalOptions& globals) {
    const auto scratch = value_or_fail(globals, ScratchFolder::make({}, "assay-evaluate-"));
    const auto file = value_or_fail(globals, canonical_data(flags.data, scratch.path()));
    const auto data = value_or_fail(globals, compute::Dataset::open(file));
    const auto model = value_or_fail(globals, compute::checkpoint_model(flags.checkpoint));
    auto state = value_or_fail(globals, compute::load_parameters(flags.checkpoint, model));
    const auto base = base_file(flags.base, model, scratch.path(), globals);
    ok_or_fail(globals, compute::load_frozen(base, model, state));
    const auto backend = value_or_fail(globals, compute::make_backend({flags.backend, 0}));
    const auto found = value_or_fail(
        globals, compute::evaluate(model, state, data, flags.slices, flags.batches, *backend));
    const double share =
        static_cast<double>(found.correct) / static_cast<double>(found.predictions);
    char text[160];
    std::snprintf(text, sizeof text,
                  "loss         %.6f nats a prediction\ncorrect      %.2f %%\n"
                  "predictions  %llu",
                  found.loss, 100 * share, static_cast<unsigned long long>(found.predictions));
    print_result(
        globals,
        {{"loss", found.loss}, {"correct", found.correct}, {"predictions", found.predictions}},
        text);
}

}  // namespace

void add_job_rehearse_commands(CLI::App& group, const GlobalOptions& globals) {
    auto flags = std::make_shared<RehearseFlags>();
    auto* command = group.add_subcommand(
        "rehearse", "Run a whole job here, alone and unpaid: the bits the network would deliver");
    add_job_file_options(*command, flags->files);
    command->add_option("--out", flags->out, "Folder to write")->required();
    command->add_option("--backend", flags->backend, "Backend (default: the best)");
    command->add_option("--threads", flags->threads, "Threads (default: all)");
    command->add_option("--devices", flags->devices, "GPUs that share each batch (0: all)")
        ->check(CLI::Range(0, compute::kMaxDevices))
        ->capture_default_str();
    command->add_option("--memory", flags->memory_mb,
                        "MB for activations and gradients: less costs time, not bits");
    command->add_flag("--keep", flags->keep, "Leave the checkpoint of every round in the folder");
    command->footer("Example: assay job rehearse train.json --data corpus.txt --out rehearsal");
    command->callback([flags, &globals] { Rehearsal(*flags, globals).run(); });

    auto evaluate_flags = std::make_shared<EvaluateFlags>();
    auto* evaluate_command = group.add_subcommand(
        "evaluate", "Loss and hits of a checkpoint on data it may not have seen");
    evaluate_command->add_option("checkpoint", evaluate_flags->checkpoint, "checkpoint.safetensors")
        ->required();
    add_data_options(*evaluate_command, evaluate_flags->data);
    evaluate_command->get_option("--data")->required();
    evaluate_command->add_option("--base", evaluate_flags->base,
                                 "The model under a checkpoint of adapters: file or folder");
    evaluate_command->add_option("--backend", evaluate_flags->backend,
                                 "Backend (default: the best)");
    evaluate_command->add_option("--slices", evaluate_flags->slices, "Digits of a product")
        ->check(CLI::Range(1, 3))
        ->capture_default_str();
    evaluate_command->add_option("--batches", evaluate_flags->batches,
                                 "Batches of 8 rows (default: all)");
    evaluate_command->footer(
        "Example: assay job evaluate model/checkpoint.safetensors --data held-out.txt");
    evaluate_command->callback([evaluate_flags, &globals] { evaluate(*evaluate_flags, globals); });
}

}  // namespace assay::node
