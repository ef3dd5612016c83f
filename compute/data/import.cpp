#include "compute/data/import.h"

#include "compute/checkpoint/artifact.h"
#include "compute/checkpoint/safetensors.h"
#include "compute/data/dataset.h"

namespace assay::compute {
namespace {

Status import_raw(const std::filesystem::path& input, const std::filesystem::path& output) {
    ASSAY_ASSIGN(const MappedFile file, MappedFile::open(input));
    if (file.bytes().empty()) return fail(Code::kInvalidArgument, input.string() + " is empty");
    if (file.bytes().size() > kMaxArtifactBytes)
        return fail(Code::kLimit, input.string() + " is larger than 1 TiB");
    return write_file(output, file.bytes());
}

Status import_tokens(const std::filesystem::path& input, const std::filesystem::path& output) {
    ASSAY_ASSIGN(const SafetensorsFile file, SafetensorsFile::open(input));
    const TensorInfo* tokens = file.find("tokens");
    if (tokens == nullptr) return fail(Code::kCorrupt, input.string() + " has no tensor `tokens`");
    const bool index =
        tokens->dtype == Dtype::kU8 || tokens->dtype == Dtype::kU16 || tokens->dtype == Dtype::kI32;
    if (!index || tokens->shape.size() != 1)
        return fail(Code::kCorrupt,
                    input.string() + ": `tokens` must be U8, U16 or I32, one dimension");
    Bytes bytes(tokens->bytes());
    ASSAY_RETURN_IF_ERROR(file.read(*tokens, bytes));
    return write_safetensors(output, {{"tokens", tokens->dtype, tokens->shape, bytes}}, {});
}

}  // namespace

Result<ImportKind> import_kind(std::string_view name) {
    if (name == "raw" || name == "text") return ImportKind::kRaw;
    if (name == "tokens") return ImportKind::kTokens;
    if (name == "csv") return ImportKind::kCsv;
    if (name == "idx") return ImportKind::kIdx;
    return fail(Code::kInvalidArgument, "unknown data format '" + std::string(name) +
                                            "'; use raw, text, tokens, csv or idx");
}

Status import_data(ImportKind kind, const std::vector<std::filesystem::path>& inputs,
                   const std::filesystem::path& output, const ImportOptions& options) {
    const size_t expected = kind == ImportKind::kIdx ? 2 : 1;
    if (inputs.size() != expected) {
        return fail(Code::kInvalidArgument, kind == ImportKind::kIdx
                                                ? "idx needs two files: images, then labels"
                                                : "this format needs exactly one input file");
    }
    switch (kind) {
        case ImportKind::kRaw:
            return import_raw(inputs[0], output);
        case ImportKind::kTokens:
            return import_tokens(inputs[0], output);
        case ImportKind::kCsv:
            return import_csv(inputs[0], output, options);
        case ImportKind::kIdx:
            return import_idx(inputs[0], inputs[1], output);
    }
    return fail(Code::kInvalidArgument, "unknown data format");
}

}  // namespace assay::compute
