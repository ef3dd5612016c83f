// safetensors: the data-only tensor format of checkpoints, models and data sets (docs/formats.md).
//
// u64 little-endian header length N, N bytes of JSON, then the tensors' bytes. The reader is
// strict: UTF-8, no duplicate keys, exact sizes, offsets contiguous from 0 to the end of the file.
// The writer orders tensors by dtype (descending) then name and pads the header to 8 bytes, as the
// format's reference writer does, so equal content gives equal files. Ownership: SafetensorsFile
// owns its descriptor; a reader never holds tensor bytes. Threads: const access is thread-safe.
// Errors: kCorrupt with the tensor and rule broken; kLimit for the header cap.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "compute/checkpoint/file_io.h"

namespace assay::compute {

// In the writer's order: smaller enumerators are written later.
enum class Dtype : uint8_t {
    kBool,
    kF4,
    kF6E2M3,
    kF6E3M2,
    kU8,
    kI8,
    kF8E5M2,
    kF8E4M3,
    kF8E8M0,
    kF8E4M3Fnuz,
    kF8E5M2Fnuz,
    kI16,
    kU16,
    kF16,
    kBF16,
    kI32,
    kU32,
    kF32,
    kC64,
    kF64,
    kI64,
    kU64,
};
std::string_view dtype_name(Dtype dtype);
uint64_t dtype_bits(Dtype dtype);

struct TensorInfo {
    std::string name;
    Dtype dtype = Dtype::kF32;
    std::vector<uint64_t> shape;  // empty: a scalar
    uint64_t begin = 0, end = 0;  // bytes from the start of the data
    uint64_t bytes() const { return end - begin; }
};

using Metadata = std::map<std::string, std::string>;

inline constexpr uint64_t kMaxSafetensorsHeaderBytes = 100'000'000;     // of the format
inline constexpr size_t kMaxSafetensorsHeaderValues = size_t{1} << 21;  // JSON values
inline constexpr size_t kMaxTensorRank = 32;

struct SafetensorsHeader {
    std::vector<TensorInfo> tensors;  // by offset
    Metadata metadata;
    const TensorInfo* find(std::string_view name) const;
};

// `text`: the N header bytes; `data_bytes`: what the file holds after them.
Result<SafetensorsHeader> parse_safetensors_header(std::string_view text, uint64_t data_bytes);

class SafetensorsFile {
public:
    static Result<SafetensorsFile> open(const std::filesystem::path& path);

    const std::vector<TensorInfo>& tensors() const { return header_.tensors; }
    const Metadata& metadata() const { return header_.metadata; }
    const TensorInfo* find(std::string_view name) const;
    // out.size() must be tensor.bytes().
    Status read(const TensorInfo& tensor, std::span<uint8_t> out) const;
    // A part of a tensor; offset and out.size() in bytes.
    Status read_part(const TensorInfo& tensor, uint64_t offset, std::span<uint8_t> out) const;
    uint64_t data_offset() const { return data_offset_; }

private:
    SafetensorsFile(InputFile file, SafetensorsHeader header, uint64_t data_offset);
    InputFile file_;
    SafetensorsHeader header_;
    uint64_t data_offset_;
    std::map<std::string_view, size_t> by_name_;
};

struct TensorSource {  // `bytes` must stay valid until write_safetensors returns
    std::string name;
    Dtype dtype = Dtype::kF32;
    std::vector<uint64_t> shape;
    ByteView bytes;
};

// The 8 length bytes and the padded header, with tensors sorted in place into file order.
Result<Bytes> safetensors_prefix(std::vector<TensorSource>& tensors, const Metadata& metadata);
Status write_safetensors(const std::filesystem::path& path, std::vector<TensorSource> tensors,
                         const Metadata& metadata);

}  // namespace assay::compute
