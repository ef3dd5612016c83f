#include "compute/data/dataset.h"

#include <cstring>

#include "compute/checkpoint/artifact.h"

namespace assay::compute {
namespace {

// An integer element of a U8, U16 or I32 tensor; the bytes may lie at any alignment.
int64_t integer_at(const uint8_t* base, uint64_t index, Dtype dtype) {
    if (dtype == Dtype::kU8) return base[index];
    if (dtype == Dtype::kU16) {
        uint16_t value = 0;
        std::memcpy(&value, base + 2 * index, sizeof value);
        return value;
    }
    int32_t value = 0;
    std::memcpy(&value, base + 4 * index, sizeof value);
    return value;
}

bool is_index_type(Dtype dtype) {
    return dtype == Dtype::kU8 || dtype == Dtype::kU16 || dtype == Dtype::kI32;
}

// Length of the header of a file that looks like safetensors, else 0. Text cannot look like it: its
// 8 length bytes would have to contain at least four zeros.
uint64_t safetensors_header_bytes(ByteView bytes) {
    if (bytes.size() < 10 || bytes[8] != '{') return 0;
    uint64_t header = 0;
    std::memcpy(&header, bytes.data(), sizeof header);
    const bool fits = header <= kMaxSafetensorsHeaderBytes && header <= bytes.size() - 8;
    return fits ? header : 0;
}

Error not_data(const std::string& what) {
    return fail(Code::kCorrupt, "data set: " + what + "; import it with `assay data import`");
}

}  // namespace

Result<Dataset> Dataset::open(const std::filesystem::path& path) {
    ASSAY_ASSIGN(MappedFile file, MappedFile::open(path));
    Dataset data(std::move(file));
    if (data.bytes().size() > kMaxArtifactBytes)
        return fail(Code::kLimit, "data set " + path.string() + " is larger than 1 TiB");
    const uint64_t header_bytes = safetensors_header_bytes(data.bytes());
    if (header_bytes == 0) {
        data.size_ = data.bytes().size();
        return data;
    }
    ASSAY_RETURN_IF_ERROR(data.describe(header_bytes));
    return data;
}

Dataset Dataset::from_tokens(Bytes tokens) {
    return Dataset(std::move(tokens));
}

Dataset Dataset::from_images(Bytes pixels, const Bytes& labels) {
    const uint64_t value_bytes = pixels.size();
    pixels.insert(pixels.end(), labels.begin(), labels.end());
    Dataset data(std::move(pixels));
    data.kind_ = DatasetKind::kSamples;
    data.size_ = labels.size();
    data.features_ = labels.empty() ? 0 : value_bytes / labels.size();
    data.label_offset_ = value_bytes;
    return data;
}

Status Dataset::describe(uint64_t header_bytes) {
    const ByteView all = bytes();
    const uint64_t data_offset = 8 + header_bytes;
    ASSAY_ASSIGN(
        const SafetensorsHeader header,
        parse_safetensors_header(text_of(all.subspan(8, header_bytes)), all.size() - data_offset));
    const TensorInfo* tokens = header.find("tokens");
    return tokens != nullptr ? describe_tokens(*tokens, data_offset)
                             : describe_samples(header, data_offset);
}

Status Dataset::describe_tokens(const TensorInfo& tokens, uint64_t data_offset) {
    if (!is_index_type(tokens.dtype)) return not_data("`tokens` must be U8, U16 or I32");
    if (tokens.shape.size() != 1) return not_data("`tokens` must have one dimension");
    value_type_ = tokens.dtype;
    value_offset_ = data_offset + tokens.begin;
    size_ = tokens.shape[0];
    return {};
}

Status Dataset::describe_samples(const SafetensorsHeader& header, uint64_t data_offset) {
    const TensorInfo* images = header.find("images");
    const TensorInfo* values = images != nullptr ? images : header.find("features");
    const TensorInfo* labels = header.find("labels");
    if (values == nullptr || labels == nullptr)
        return not_data("needs `tokens`, or `images` or `features` with `labels`");
    if (values->dtype != (images != nullptr ? Dtype::kU8 : Dtype::kF32))
        return not_data("`images` must be U8 and `features` F32");
    if (!is_index_type(labels->dtype)) return not_data("`labels` must be U8, U16 or I32");
    if (labels->shape.size() != 1 || values->shape.empty() || values->shape[0] != labels->shape[0])
        return not_data("`labels` must have one entry for each sample");
    kind_ = DatasetKind::kSamples;
    size_ = labels->shape[0];
    features_ = 1;
    for (size_t i = 1; i < values->shape.size(); ++i) features_ *= values->shape[i];
    value_type_ = values->dtype;
    label_type_ = labels->dtype;
    value_offset_ = data_offset + values->begin;
    label_offset_ = data_offset + labels->begin;
    return {};
}

Status Dataset::tokens(uint64_t start, uint32_t vocab, std::span<int32_t> out) const {
    if (kind_ != DatasetKind::kTokens)
        return fail(Code::kInvalidArgument, "the data set has labelled samples, not tokens");
    if (start > size_ || out.size() > size_ - start)
        return fail(Code::kInvalidArgument, "token range lies outside the data set");
    const uint8_t* base = bytes().data() + value_offset_;
    for (size_t i = 0; i < out.size(); ++i) {
        const int64_t token = integer_at(base, start + i, value_type_);
        if (token < 0 || token >= int64_t{vocab}) {
            return fail(Code::kInvalidArgument, "token " + std::to_string(token) + " at position " +
                                                    std::to_string(start + i) +
                                                    " of the data set is outside model.vocab (" +
                                                    std::to_string(vocab) + ")");
        }
        out[i] = static_cast<int32_t>(token);
    }
    return {};
}

Status Dataset::sample(uint64_t index, uint32_t classes, std::span<float> out,
                       int32_t& label) const {
    if (kind_ != DatasetKind::kSamples)
        return fail(Code::kInvalidArgument, "the data set has tokens, not labelled samples");
    if (index >= size_ || out.size() != features_)
        return fail(Code::kInvalidArgument, "sample lies outside the data set");
    const uint8_t* base = bytes().data();
    const int64_t value = integer_at(base + label_offset_, index, label_type_);
    if (value < 0 || value >= int64_t{classes}) {
        return fail(Code::kInvalidArgument,
                    "label " + std::to_string(value) + " of sample " + std::to_string(index) +
                        " is outside model.classes (" + std::to_string(classes) + ")");
    }
    label = static_cast<int32_t>(value);
    if (value_type_ == Dtype::kF32) {
        std::memcpy(out.data(), base + value_offset_ + index * features_ * sizeof(float),
                    out.size_bytes());
        return {};
    }
    const uint8_t* pixels = base + value_offset_ + index * features_;
    for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(pixels[i]) / 255.0F;
    return {};
}

IndexRange shard_range(uint64_t size, uint32_t shard, uint32_t shards) {
    // size <= 2^40 (kMaxArtifactBytes) and shards <= 2^10, so the products fit.
    return {uint64_t{shard} * size / shards, (uint64_t{shard} + 1) * size / shards};
}

}  // namespace assay::compute
