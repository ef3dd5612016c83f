#include "node/cli/data_import.h"

#include <zlib.h>

#include <CLI/CLI.hpp>
#include <fstream>

#include "compute/checkpoint/file_io.h"
#include "compute/checkpoint/safetensors.h"
#include "compute/data/dataset.h"
#include "compute/data/import.h"
#include "node/blobs/blob_store.h"
#include "node/cli/report.h"
#include "node/core/config.h"
#include "node/tokenizer/tokenizer.h"

namespace assay::node {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMaxUnpackedBytes = uint64_t{16} << 30;
constexpr uint64_t kMaxTokenizedBytes = uint64_t{1} << 30;

// Unpacks FILE.gz beside the other temporary files; other files are used where they are.
Result<fs::path> unpacked(const fs::path& file, const fs::path& folder, const TellProgress& tell) {
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
        if (tell) tell("unpacking " + file.string() + ": " + share_text(total, 0));
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

Status check_files(const DataFiles& data) {
    for (const auto& file : data.files) {
        if (!fs::is_regular_file(file))
            return fail(Code::kNotFound, "data " + file + " is not a file that can be read");
    }
    return {};
}

template <typename Token>
Status write_tokens(const fs::path& file, compute::Dtype type, const std::vector<int32_t>& ids) {
    std::vector<Token> values(ids.begin(), ids.end());
    const ByteView bytes(reinterpret_cast<const uint8_t*>(values.data()),
                         values.size() * sizeof(Token));
    return compute::write_safetensors(file, {{"tokens", type, {values.size()}, bytes}}, {});
}

// The text as token ids, in the smallest type that holds the vocabulary.
Result<fs::path> tokenized(const DataFiles& data, const fs::path& text, const fs::path& folder) {
    if (data.files.size() != 1 || (data.kind != "auto" && data.kind != "raw"))
        return fail(Code::kInvalidArgument, "--tokenizer reads one text file of kind raw");
    ASSAY_ASSIGN(const auto tokenizer, Tokenizer::open(data.tokenizer));
    ASSAY_ASSIGN(const auto file, compute::MappedFile::open(text));
    if (file.bytes().size() > kMaxTokenizedBytes)
        return fail(Code::kLimit, text.string() +
                                      " is larger than the 1 GiB of text that is "
                                      "tokenized at a time. Remedy: use a part of it");
    ASSAY_ASSIGN(const auto ids, tokenizer.encode(text_of(file.bytes())));
    const auto out = folder / "tokens";
    ASSAY_RETURN_IF_ERROR(tokenizer.vocab() <= 65'536
                              ? write_tokens<uint16_t>(out, compute::Dtype::kU16, ids)
                              : write_tokens<int32_t>(out, compute::Dtype::kI32, ids));
    return out;
}

}  // namespace

void add_data_options(CLI::App& command, DataFiles& data) {
    command
        .add_option(
            "--data", data.files,
            "Text, CSV or tokens; images, then labels, with a second --data (.gz is unpacked)")
        ->allow_extra_args(false);
    add_data_kind_options(command, data);
}

void add_data_kind_options(CLI::App& command, DataFiles& data) {
    command.add_option("--kind", data.kind, "raw (one token a byte), tokens, csv, idx, or auto")
        ->capture_default_str();
    command
        .add_option("--label-column", data.label_column,
                    "csv: column of the label, negative from the end")
        ->capture_default_str();
    command.add_option("--tokenizer", data.tokenizer,
                       "tokenizer.json: read the file as UTF-8 text, one token a word piece");
}

std::string data_kind(const DataFiles& data) {
    if (!data.tokenizer.empty()) return "tokens";
    if (data.kind != "auto" || data.files.empty()) return data.kind;
    std::string_view first = data.files.front();
    if (first.ends_with(".gz")) first.remove_suffix(3);
    if (first.ends_with(".csv")) return "csv";
    if (first.ends_with(".safetensors")) return "tokens";
    if (first.find("ubyte") != std::string_view::npos && data.files.size() == 2) return "idx";
    return "raw";
}

Result<fs::path> canonical_data(const DataFiles& data, const fs::path& scratch,
                                const TellProgress& tell) {
    ASSAY_RETURN_IF_ERROR(check_files(data));
    std::vector<fs::path> inputs;
    for (const auto& file : data.files) {
        ASSAY_ASSIGN(auto input, unpacked(file, scratch, tell));
        inputs.push_back(std::move(input));
    }
    if (!data.tokenizer.empty()) {
        if (tell) tell("tokenizing " + inputs.front().string());
        ASSAY_ASSIGN(auto tokens, tokenized(data, inputs.front(), scratch));
        inputs = {std::move(tokens)};
    }
    ASSAY_ASSIGN(const auto kind, compute::import_kind(data_kind(data)));
    if (tell) tell("converting " + data.files.front());
    const auto canonical = scratch / "data";
    ASSAY_RETURN_IF_ERROR(compute::import_data(kind, inputs, canonical, {data.label_column}));
    return canonical;
}

StoredData stored_data(const DataFiles& data, const GlobalOptions& globals) {
    ok_or_fail(globals, check_files(data));  // before a home is made for them
    const HomeLayout home{globals.home};
    std::error_code error;
    fs::create_directories(home.root, error);
    const auto scratch = value_or_fail(globals, ScratchFolder::make(home.root, "import."));
    const auto line = progress_line(globals);
    auto made =
        canonical_data(data, scratch.path(), [&](const std::string& text) { line->show(text); });
    line->clear();
    const auto canonical = value_or_fail(globals, std::move(made));
    const auto dataset = value_or_fail(globals, compute::Dataset::open(canonical));
    auto blobs = value_or_fail(globals, BlobStore::open(home.blobs(), {}));
    line->show("storing " + share_text(fs::file_size(canonical), 0));
    auto put = blobs->put_file(canonical);
    line->clear();
    const auto stored = value_or_fail(globals, std::move(put));
    blobs->pin(stored.root);
    return {stored.root, stored.size, dataset.kind() == compute::DatasetKind::kTokens,
            dataset.size(), dataset.features()};
}

}  // namespace assay::node
