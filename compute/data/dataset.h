// Dataset: a canonical data file, mapped read-only: raw bytes (one token a byte), or a safetensors
// file with `tokens` (U8, U16 or I32), or with `images` (U8, pixels scaled to value / 255) or
// `features` (F32), and `labels` (U8, U16 or I32).
//
// Ownership: owns the mapping. Threads: const access is thread-safe. Errors: kCorrupt for a file
// that claims to be safetensors and is not; kInvalidArgument for a value outside the model (its
// position is named).
#pragma once

#include <filesystem>
#include <span>

#include "base/result.h"
#include "compute/checkpoint/file_io.h"
#include "compute/checkpoint/safetensors.h"

namespace assay::compute {

enum class DatasetKind : uint8_t { kTokens, kSamples };

class Dataset {
public:
    static Result<Dataset> open(const std::filesystem::path& path);

    // One token a byte, held in memory: for vectors and measurements.
    static Dataset from_tokens(Bytes tokens);
    // One byte a pixel, one a label; as many pixels for each label.
    static Dataset from_images(Bytes pixels, const Bytes& labels);

    DatasetKind kind() const { return kind_; }
    uint64_t size() const { return size_; }          // tokens, or samples
    uint64_t features() const { return features_; }  // numbers in one sample
    // Tokens [start, start + out.size()); each must be below `vocab`.
    Status tokens(uint64_t start, uint32_t vocab, std::span<int32_t> out) const;
    // Sample `index`; out.size() must be features(). Its label must be below `classes`.
    Status sample(uint64_t index, uint32_t classes, std::span<float> out, int32_t& label) const;

private:
    explicit Dataset(MappedFile file) : file_(std::move(file)) {}
    explicit Dataset(Bytes tokens) : memory_(std::move(tokens)), size_(memory_.size()) {}
    ByteView bytes() const { return memory_.empty() ? file_.bytes() : ByteView(memory_); }
    Status describe(uint64_t header_bytes);
    Status describe_tokens(const TensorInfo& tokens, uint64_t data_offset);
    Status describe_samples(const SafetensorsHeader& header, uint64_t data_offset);

    MappedFile file_;
    Bytes memory_;  // of from_tokens, from_images
    DatasetKind kind_ = DatasetKind::kTokens;
    uint64_t size_ = 0, features_ = 0;
    Dtype value_type_ = Dtype::kU8, label_type_ = Dtype::kU8;
    uint64_t value_offset_ = 0, label_offset_ = 0;  // bytes into the file
};

struct IndexRange {
    uint64_t begin = 0, end = 0;
    uint64_t size() const { return end - begin; }
};
// The contiguous part of `size` items that belongs to one shard: [s*size/S, (s+1)*size/S).
IndexRange shard_range(uint64_t size, uint32_t shard, uint32_t shards);

}  // namespace assay::compute
