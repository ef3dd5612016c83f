#include "node/core/artifact_files.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "compute/checkpoint/checkpoint.h"
#include "compute/data/import.h"
#include "node/core/files.h"

namespace assay::node {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr std::array<std::string_view, 4> kModelFiles = {
    "model.safetensors", "config.json", "adapter_model.safetensors", "adapter_config.json"};

unsigned status_for(Code code) {
    switch (code) {
        case Code::kNotFound:
            return 404;
        case Code::kInvalidArgument:
        case Code::kCorrupt:
            return 400;
        case Code::kLimit:
            return 413;
        default:
            return 500;
    }
}

HttpReply refusal(const Error& error) {
    // What is wrong, not where this machine keeps it.
    std::string message = error.message;
    if (const auto at = message.rfind('/'); at != std::string::npos) message.erase(0, at + 1);
    return {.status = status_for(error.code),
            .type = "application/json",
            .body = json{{"error", {{"code", code_name(error.code)}, {"message", message}}}}.dump(
                        -1, ' ', false, json::error_handler_t::replace) +
                    "\n"};
}

struct UploadOptions {
    std::string kind = "raw";
    int label_column = -1;
};

Result<UploadOptions> options_of(std::string_view query) {
    UploadOptions options;
    while (!query.empty()) {
        const auto item = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(query.size(), item.size() + 1));
        const auto equals = std::min(item.find('='), item.size());
        const auto name = item.substr(0, equals);
        const auto value = item.substr(std::min(equals + 1, item.size()));
        if (name == "kind" && (value == "raw" || value == "tokens" || value == "csv")) {
            options.kind = value;
        } else if (name == "labelColumn") {
            const auto* end = value.data() + value.size();
            const auto parsed = std::from_chars(value.data(), end, options.label_column);
            if (parsed.ec != std::errc() || parsed.ptr != end)
                return fail(Code::kInvalidArgument, "labelColumn must be a whole number");
        } else {
            return fail(Code::kInvalidArgument,
                        "the query takes kind=raw, tokens or csv, and labelColumn=N");
        }
    }
    return options;
}

Result<std::string> store(BlobStore& blobs, const fs::path& folder, const fs::path& file,
                          std::string_view query) {
    ASSAY_ASSIGN(const auto options, options_of(query));
    ASSAY_ASSIGN(const auto scratch, ScratchFolder::make(folder, "convert."));
    fs::path made = file;
    if (options.kind != "raw") {
        made = scratch.path() / "data";
        ASSAY_ASSIGN(const auto kind, compute::import_kind(options.kind));
        ASSAY_RETURN_IF_ERROR(compute::import_data(kind, {file}, made, {options.label_column}));
    }
    ASSAY_ASSIGN(const auto stored, blobs.put_file(made));
    blobs.pin(stored.root);
    return json{{"root", "0x" + to_hex(stored.root)}, {"size", stored.size}, {"kind", options.kind}}
               .dump() +
           "\n";
}

// An export makes room for the whole model that the file's metadata name, so the file must be long
// enough to hold it.
Status check_length(const fs::path& checkpoint) {
    ASSAY_ASSIGN(const auto shape, compute::checkpoint_model(checkpoint));
    constexpr uint64_t kParts = 3;  // parameters and both moments; a model file has the first alone
    std::error_code error;
    const auto size = fs::file_size(checkpoint, error);
    if (error) return fail(Code::kIo, "the file cannot be read: " + error.message());
    if (size < compute::checkpoint_bytes(shape) / kParts)
        return fail(Code::kCorrupt, "the file is shorter than the model it names");
    return {};
}

Result<fs::path> export_file(const fs::path& checkpoint, const fs::path& folder,
                             std::string_view name) {
    ASSAY_RETURN_IF_ERROR(check_length(checkpoint));
    std::error_code error;
    fs::create_directories(folder, error);
    ASSAY_RETURN_IF_ERROR(compute::export_model(checkpoint, folder));
    if (!fs::exists(folder / name))
        return fail(Code::kNotFound, "this checkpoint has no " + std::string(name));
    return folder / name;
}

// `exporting`: held during an export, so that one model at a time is in memory.
Result<fs::path> restore(const BlobStore& blobs, std::string_view path, const fs::path& folder,
                         std::mutex& exporting) {
    path.remove_prefix(std::min(path.size(), std::string_view("/artifacts/").size()));
    const auto hex = path.substr(0, path.find('/'));
    const auto name = path.substr(std::min(path.size(), hex.size() + 1));
    const auto root = hash_from_hex(hex);
    if (!root)
        return fail(Code::kInvalidArgument, "a root has 64 hexadecimal digits, with or without 0x");
    const bool exports = hex.size() != path.size();
    if (exports && std::find(kModelFiles.begin(), kModelFiles.end(), name) == kModelFiles.end())
        return fail(Code::kNotFound,
                    "of a checkpoint there are model.safetensors and config.json, or "
                    "adapter_model.safetensors and adapter_config.json");
    if (!blobs.has(*root))
        return fail(Code::kNotFound, "artifact " + to_hex(*root) + " is not here");
    const auto whole = folder / "artifact";
    ASSAY_RETURN_IF_ERROR(blobs.materialise(*root, whole));
    if (!exports) return whole;
    const std::lock_guard lock(exporting);
    return export_file(whole, folder / "model", name);
}

}  // namespace

Result<std::unique_ptr<ArtifactFiles>> ArtifactFiles::open(BlobStore& blobs, fs::path folder) {
    std::error_code error;
    fs::remove_all(folder, error);
    if (!error) fs::create_directories(folder, error);
    if (!error) fs::permissions(folder, fs::perms::owner_all, error);
    if (error) return fail(Code::kIo, "cannot create " + folder.string() + ": " + error.message());
    return std::unique_ptr<ArtifactFiles>(new ArtifactFiles(blobs, std::move(folder)));
}

HttpReply ArtifactFiles::take(const fs::path& file, std::string_view query) {
    auto answer = store(blobs_, folder_, file, query);
    if (!answer.ok()) return refusal(answer.error());
    return {.type = "application/json", .body = std::move(answer).value()};
}

HttpFile ArtifactFiles::give(std::string_view path) {
    auto scratch = ScratchFolder::make(folder_, "send.");
    if (!scratch.ok()) return {.refusal = refusal(scratch.error())};
    auto keep = std::make_shared<ScratchFolder>(std::move(scratch).value());
    auto file = restore(blobs_, path, keep->path(), exporting_);
    if (!file.ok()) return {.refusal = refusal(file.error())};
    return {.file = std::move(file).value(), .keep = std::move(keep)};
}

std::optional<uint64_t> ArtifactFiles::size_of(std::string_view path) const {
    path.remove_prefix(std::min(path.size(), std::string_view("/artifacts/").size()));
    const auto root = hash_from_hex(path);
    if (!root || !blobs_.has(*root)) return std::nullopt;
    const auto manifest = blobs_.manifest(*root);
    return manifest.ok() ? std::optional<uint64_t>(manifest->size) : std::nullopt;
}

}  // namespace assay::node
