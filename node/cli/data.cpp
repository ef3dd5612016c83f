#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "node/cli/cli.h"
#include "node/cli/data_import.h"
#include "node/cli/report.h"
#include "node/cli/store.h"

namespace assay::node {
namespace {

void import(const DataFiles& data, const GlobalOptions& globals) {
    const auto stored = stored_data(data, globals);
    const auto root = "0x" + to_hex(stored.root);
    print_result(globals,
                 {{"root", root},
                  {"size", stored.size},
                  {"kind", data_kind(data)},
                  {stored.tokens ? "tokens" : "samples", stored.count},
                  {"features", stored.features}},
                 "root  " + root + "\nsize  " + std::to_string(stored.size) + " bytes, " +
                     std::to_string(stored.count) + (stored.tokens ? " tokens" : " samples"));
}

void export_artifact(const std::string& hex, const std::string& out, const GlobalOptions& globals) {
    const auto root = hash_from_hex(hex);
    if (!root) {
        fail_command(globals, fail(Code::kInvalidArgument,
                                   "root '" + hex + "' must be 64 hexadecimal digits"));
    }
    const auto blobs = open_existing_store({}, globals);
    ok_or_fail(globals, blobs->materialise(*root, out));
    print_result(globals, {{"root", hex}, {"file", out}}, "wrote " + out);
}

}  // namespace

void add_data_commands(CLI::App& app, const GlobalOptions& globals) {
    auto* group = app.add_subcommand("data", "Import data sets into this home's chunk store");
    group->require_subcommand(1);
    group->footer("Example: assay data import corpus.txt");
    auto data = std::make_shared<DataFiles>();

    auto* import_command =
        group->add_subcommand("import", "Check, convert and store a data set; prints its root");
    import_command
        ->add_option("files", data->files,
                     "Input file; for idx the images, then the labels (.gz is unpacked)")
        ->required()
        ->expected(1, 2);
    add_data_kind_options(*import_command, *data);
    import_command->footer(
        "Example: assay data import corpus.txt\n"
        "         assay data import corpus.txt --tokenizer gpt2/tokenizer.json\n"
        "         assay data import train-images-idx3-ubyte.gz train-labels-idx1-ubyte.gz");
    import_command->callback([data, &globals] { import(*data, globals); });

    auto root = std::make_shared<std::string>();
    auto out = std::make_shared<std::string>();
    auto* export_command =
        group->add_subcommand("export", "Write a stored artifact to a file, verified");
    export_command->add_option("root", *root, "Root of the artifact")->required();
    export_command->add_option("--out", *out, "File to write")->required();
    export_command->footer("Example: assay data export 0x3f... --out corpus.txt");
    export_command->callback([root, out, &globals] { export_artifact(*root, *out, globals); });
}

}  // namespace assay::node
