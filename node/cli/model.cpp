#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "compute/checkpoint/checkpoint.h"
#include "compute/train/sample.h"
#include "node/cli/cli.h"
#include "node/cli/job_file.h"
#include "node/cli/remote.h"
#include "node/cli/report.h"
#include "node/cli/store.h"
#include "node/core/config.h"
#include "node/rpc/proto_json.h"
#include "node/tokenizer/tokenizer.h"

namespace assay::node {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

struct ResultFlags {
    std::string id;
    std::string out;
};

struct SampleFlags {
    std::string checkpoint;
    std::string prompt = "The ";
    uint32_t length = 200;
    std::string temperature = "0.8";
    uint64_t seed = 0;
    std::string tokenizer;
    std::string base;
};

// Writes the delivered model: checkpoint, exported weights with config, certificate.
void collect(const ResultFlags& flags, const GlobalOptions& globals) {
    Remote remote(globals);
    const auto result = remote.call("job_result", {{"jobId", flags.id}});
    if (!result.value("final", false)) {
        fail_command(globals, fail(Code::kUnavailable,
                                   "job " + flags.id + " is " + result.value("state", "unknown") +
                                       ", not done. Remedy: assay job watch " + flags.id));
    }
    const auto root = hash_from_hex(result.at("checkpoint").value("root", ""));
    if (!root) fail_command(globals, fail(Code::kNotFound, "the job has no checkpoint"));
    if (globals.rpc.empty() && !result["checkpoint"].value("here", false)) {
        fail_command(globals,
                     fail(Code::kUnavailable,
                          "the model is not on this node yet. A node fetches the jobs that its own "
                          "keys posted, or all with keepArtifacts. Remedy: wait, or "
                          "\"keepArtifacts\": true in config.json"));
    }
    const fs::path folder = flags.out;
    const auto blobs = open_existing_store({}, globals);
    // Complete before anything appears under --out.
    const auto scratch = value_or_fail(globals, ScratchFolder::make({}, "assay-result-"));
    const auto& made = scratch.path();
    ok_or_fail(globals, blobs->materialise(*root, made / "checkpoint.safetensors"));
    ok_or_fail(globals, compute::export_model(made / "checkpoint.safetensors", made));
    ok_or_fail(globals, write_text(made / "certificate.json", result.dump(2) + "\n", 0644));
    std::error_code error;
    fs::create_directories(folder, error);
    if (!error) {
        fs::copy(made, folder, fs::copy_options::recursive | fs::copy_options::overwrite_existing,
                 error);
    }
    if (error) {
        fail_command(globals,
                     fail(Code::kIo, "cannot write " + flags.out + ": " + error.message()));
    }
    const auto checkpoint = folder / "checkpoint.safetensors";
    const char* exported = fs::exists(made / "adapter_model.safetensors")
                               ? "adapter_model.safetensors"
                               : "model.safetensors";
    print_result(globals, {{"folder", flags.out}, {"root", result["checkpoint"]["root"]}},
                 "model        " + (folder / exported).string() + "\ncertificate  " +
                     (folder / "certificate.json").string() + "\ncheckpoint   " +
                     checkpoint.string() + "\nroot         " +
                     result["checkpoint"].value("root", ""));
}

void sample(const SampleFlags& flags, const GlobalOptions& globals) {
    compute::SampleOptions options;
    options.tokens = flags.length;
    const auto temperature = parse_nano(flags.temperature);
    if (!temperature.ok()) {
        fail_command(globals,
                     fail(Code::kInvalidArgument, "--temperature '" + flags.temperature +
                                                      "': " + temperature.error().message));
    }
    options.temperature_nano = *temperature;
    options.seed = flags.seed;
    auto backend = value_or_fail(globals, compute::make_backend({}));
    const auto scratch = value_or_fail(globals, ScratchFolder::make({}, "assay-sample-"));
    const auto model = value_or_fail(globals, compute::checkpoint_model(flags.checkpoint));
    options.base = base_file(flags.base, model, scratch.path(), globals);
    std::string text = flags.prompt;
    if (flags.tokenizer.empty()) {
        const auto bytes = value_or_fail(
            globals,
            compute::sample_text(flags.checkpoint, view_of(flags.prompt), options, *backend));
        text += text_of(bytes);
    } else {
        const auto tokenizer = value_or_fail(globals, Tokenizer::open(flags.tokenizer));
        auto tokens = value_or_fail(globals, tokenizer.encode(flags.prompt));
        if (tokens.empty())
            fail_command(globals, fail(Code::kInvalidArgument, "--prompt must not be empty"));
        const auto drawn = value_or_fail(
            globals, compute::sample_tokens(flags.checkpoint, tokens, options, *backend));
        tokens.insert(tokens.end(), drawn.begin(), drawn.end());
        text = tokenizer.decode(tokens);
    }
    if (!globals.json) {
        print_result(globals, {}, text);
        return;
    }
    // A byte model may stop inside a UTF-8 character: JSON gets the replacement character there.
    *globals.out << json{{"text", text}}.dump(2, ' ', false, json::error_handler_t::replace)
                 << "\n";
}

}  // namespace

void add_model_commands(CLI::App& group, const GlobalOptions& globals) {
    auto result_flags = std::make_shared<ResultFlags>();
    auto* result =
        group.add_subcommand("result", "Collect a finished job: model, checkpoint, certificate");
    result->add_option("id", result_flags->id, "Job id")->required();
    result->add_option("--out", result_flags->out, "Folder to write")->required();
    result->footer("Example: assay job result 0x3f... --out model");
    result->callback([result_flags, &globals] { collect(*result_flags, globals); });

    auto flags = std::make_shared<SampleFlags>();
    auto* sample_command =
        group.add_subcommand("sample", "Text from a GPT checkpoint, the same on every machine");
    sample_command->add_option("checkpoint", flags->checkpoint, "checkpoint.safetensors")
        ->required();
    sample_command->add_option("--prompt", flags->prompt, "Text to continue")
        ->capture_default_str();
    sample_command->add_option("--tokenizer", flags->tokenizer,
                               "tokenizer.json of the model (default: one token a byte)");
    sample_command->add_option("--base", flags->base,
                               "The model under a checkpoint of adapters: file or folder");
    sample_command->add_option("--length", flags->length, "Tokens to draw")->capture_default_str();
    sample_command->add_option("--temperature", flags->temperature, "0 takes the likeliest")
        ->capture_default_str();
    sample_command->add_option("--seed", flags->seed, "Seed of the draw")->capture_default_str();
    sample_command->footer(
        "Example: assay job sample model/checkpoint.safetensors --prompt 'The '");
    sample_command->callback([flags, &globals] { sample(*flags, globals); });
}

}  // namespace assay::node
