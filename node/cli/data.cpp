#include <zlib.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

#include "compute/data/dataset.h"
#include "compute/data/import.h"
#include "node/blobs/blob_store.h"
#include "node/cli/cli.h"
#include "node/cli/report.h"
#include "node/cli/store.h"
#include "node/core/config.h"

namespace assay::node {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMaxUnpackedBytes = uint64_t{16} << 30;

struct DataFlags {
    std::vector<std::string> files;
    std::string kind = "auto";
    int label_column = -1;
    std::string root;
    std::string out;
};

bool ends_with(const std::string& text, std::string_view suffix) {
    return text.size() >= suffix.size() &&
           text.compare(text.size() - suffix.size(), suffix.size(), suffix) == 0;
}

std::string guess_kind(const std::vector<std::string>& files) {
    const auto& first = files.front();
    if (ends_with(first, ".csv")) return "csv";
    if (ends_with(first, ".safetensors")) return "tokens";
    if (first.find("ubyte") != std::string::npos && files.size() == 2) return "idx";
    return "raw";
}

// Unpacks FILE.gz beside the other temporary files; other files are used where they are.
Result<fs::path> unpacked(const fs::path& file, const fs::path& folder) {
    if (file.extension() != ".gz") return file;
    const auto out = folder / file.stem();
    gzFile in = ::gzopen(file.c_str(), "rb");
    if (!in) return fail(Code::kIo, "cannot read " + file.string());
    std::ofstream to(out, std::ios::binary);
    std::vector<char> buffer(1 << 16);
    uint64_t total = 0;
    int n = 0;
    while ((n = ::gzread(in, buffer.data(), static_cast<unsigned>(buffer.size()))) > 0) {
        total += static_cast<uint64_t>(n);
        if (total > kMaxUnpackedBytes) break;
        to.write(buffer.data(), n);
    }
    const bool complete = ::gzclose(in) == Z_OK && n == 0 && to.good();
    if (total > kMaxUnpackedBytes) {
        return fail(Code::kLimit, file.string() + " unpacks to more than 16 GiB");
    }
    if (!complete) return fail(Code::kCorrupt, file.string() + " is damaged or is not a gzip file");
    return out;
}

void import(const DataFlags& flags, const GlobalOptions& globals) {
    for (const auto& file : flags.files) {
        if (!fs::is_regular_file(file)) {
            fail_command(globals, fail(Code::kNotFound, file + " is not a file that can be read"));
        }
    }
    const HomeLayout home{globals.home};
    std::error_code error;
    fs::create_directories(home.root, error);
    const auto scratch = value_or_fail(globals, ScratchFolder::make(home.root, "import."));
    std::vector<fs::path> inputs;
    for (const auto& file : flags.files) {
        inputs.push_back(value_or_fail(globals, unpacked(file, scratch.path())));
    }
    const auto name = flags.kind == "auto" ? guess_kind(flags.files) : flags.kind;
    const auto kind = value_or_fail(globals, compute::import_kind(name));
    const auto canonical = scratch.path() / "data";
    ok_or_fail(globals, compute::import_data(kind, inputs, canonical, {flags.label_column}));
    const auto dataset = value_or_fail(globals, compute::Dataset::open(canonical));
    auto blobs = value_or_fail(globals, BlobStore::open(home.blobs(), {}));
    const auto stored = value_or_fail(globals, blobs->put_file(canonical));
    blobs->pin(stored.root);
    const bool tokens = dataset.kind() == compute::DatasetKind::kTokens;
    const auto root = "0x" + to_hex(stored.root);
    print_result(globals,
                 {{"root", root},
                  {"size", stored.size},
                  {"kind", name},
                  {tokens ? "tokens" : "samples", dataset.size()},
                  {"features", dataset.features()}},
                 std::string("root  ") + root + "\nsize  " + std::to_string(stored.size) +
                     " bytes, " + std::to_string(dataset.size()) +
                     (tokens ? " tokens" : " samples"));
}

void export_artifact(const DataFlags& flags, const GlobalOptions& globals) {
    const auto root = hash_from_hex(flags.root);
    if (!root) {
        fail_command(globals, fail(Code::kInvalidArgument,
                                   "root '" + flags.root + "' must be 64 hexadecimal digits"));
    }
    const auto blobs = open_existing_store({}, globals);
    ok_or_fail(globals, blobs->materialise(*root, flags.out));
    print_result(globals, {{"root", flags.root}, {"file", flags.out}}, "wrote " + flags.out);
}

}  // namespace

void add_data_commands(CLI::App& app, const GlobalOptions& globals) {
    auto* group = app.add_subcommand("data", "Import data sets into this home's chunk store");
    group->require_subcommand(1);
    auto flags = std::make_shared<DataFlags>();

    auto* import_command =
        group->add_subcommand("import", "Check, convert and store a data set; prints its root");
    import_command
        ->add_option("files", flags->files,
                     "Input file; for idx the images, then the labels (.gz is unpacked)")
        ->required()
        ->expected(1, 2);
    import_command
        ->add_option("--kind", flags->kind,
                     "raw (one token a byte), tokens (safetensors), csv, idx, or auto")
        ->capture_default_str();
    import_command
        ->add_option("--label-column", flags->label_column,
                     "csv: column of the label, negative from the end")
        ->capture_default_str();
    import_command->footer(
        "Example: assay data import corpus.txt\n"
        "         assay data import train-images-idx3-ubyte.gz train-labels-idx1-ubyte.gz");
    import_command->callback([flags, &globals] { import(*flags, globals); });

    auto* export_command =
        group->add_subcommand("export", "Write a stored artifact to a file, verified");
    export_command->add_option("root", flags->root, "Root of the artifact")->required();
    export_command->add_option("--out", flags->out, "File to write")->required();
    export_command->footer("Example: assay data export 0x3f... --out corpus.txt");
    export_command->callback([flags, &globals] { export_artifact(*flags, globals); });
}

}  // namespace assay::node
