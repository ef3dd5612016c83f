// Opening, reading and writing files; the header's rules are in safetensors_header.cpp.
#include "compute/checkpoint/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace assay::compute {

static_assert(std::endian::native == std::endian::little, "the format is little-endian");

namespace {

constexpr size_t kLengthBytes = 8;

// Characters of a JSON string that must be escaped; names are ours or checked UTF-8.
std::string json_string(std::string_view text) {
    constexpr char digits[] = "0123456789abcdef";
    std::string out = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (byte < 0x20) {
            out += "\\u00";
            out += digits[byte >> 4];
            out += digits[byte & 15];
        } else {
            out += c;
        }
    }
    return out + "\"";
}

std::string header_json(const std::vector<TensorSource>& tensors, const Metadata& metadata) {
    std::string json = "{";
    const auto separate = [&json] {
        if (json.size() > 1) json += ',';
    };
    if (!metadata.empty()) {
        json += "\"__metadata__\":{";
        for (const auto& [key, value] : metadata) {
            if (json.back() != '{') json += ',';
            json += json_string(key) + ":" + json_string(value);
        }
        json += "}";
    }
    uint64_t offset = 0;
    for (const TensorSource& tensor : tensors) {
        separate();
        json += json_string(tensor.name) + ":{\"dtype\":\"" +
                std::string(dtype_name(tensor.dtype)) + "\",\"shape\":[";
        for (size_t i = 0; i < tensor.shape.size(); ++i)
            json += (i == 0 ? "" : ",") + std::to_string(tensor.shape[i]);
        json += "],\"data_offsets\":[" + std::to_string(offset) + ",";
        offset += tensor.bytes.size();
        json += std::to_string(offset) + "]}";
    }
    return json + "}";
}

}  // namespace

SafetensorsFile::SafetensorsFile(InputFile file, SafetensorsHeader header, uint64_t data_offset)
    : file_(std::move(file)), header_(std::move(header)), data_offset_(data_offset) {
    for (size_t i = 0; i < header_.tensors.size(); ++i) by_name_[header_.tensors[i].name] = i;
}

Result<SafetensorsFile> SafetensorsFile::open(const std::filesystem::path& path) {
    ASSAY_ASSIGN(InputFile file, InputFile::open(path));
    const auto wrong = [&](Code code, const std::string& what) {
        return fail(code, path.string() + ": " + what);
    };
    if (file.size() < kLengthBytes)
        return wrong(Code::kCorrupt, "is too short for a header length");
    std::array<uint8_t, kLengthBytes> length_bytes{};
    ASSAY_RETURN_IF_ERROR(file.read(0, length_bytes));
    uint64_t length = 0;
    std::memcpy(&length, length_bytes.data(), sizeof length);
    if (length > kMaxSafetensorsHeaderBytes)
        return wrong(Code::kCorrupt, "its header is longer than " +
                                         std::to_string(kMaxSafetensorsHeaderBytes) + " bytes");
    if (length > file.size() - kLengthBytes)
        return wrong(Code::kCorrupt, "its header is longer than the file");
    std::string json(length, '\0');
    ASSAY_RETURN_IF_ERROR(
        file.read(kLengthBytes, {reinterpret_cast<uint8_t*>(json.data()), json.size()}));
    const uint64_t data_offset = kLengthBytes + length;
    auto header = parse_safetensors_header(json, file.size() - data_offset);
    if (!header.ok()) return wrong(header.error().code, header.error().message);
    return SafetensorsFile(std::move(file), *std::move(header), data_offset);
}

const TensorInfo* SafetensorsFile::find(std::string_view name) const {
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? nullptr : &header_.tensors[found->second];
}

Status SafetensorsFile::read(const TensorInfo& tensor, std::span<uint8_t> out) const {
    if (out.size() != tensor.bytes())
        return fail(Code::kInvalidArgument, "buffer for " + tensor.name + " has the wrong size");
    return file_.read(data_offset_ + tensor.begin, out);
}

Status SafetensorsFile::read_part(const TensorInfo& tensor, uint64_t offset,
                                  std::span<uint8_t> out) const {
    if (offset > tensor.bytes() || out.size() > tensor.bytes() - offset)
        return fail(Code::kInvalidArgument, "part lies outside tensor " + tensor.name);
    return file_.read(data_offset_ + tensor.begin + offset, out);
}

Result<Bytes> safetensors_prefix(std::vector<TensorSource>& tensors, const Metadata& metadata) {
    std::sort(tensors.begin(), tensors.end(), [](const TensorSource& a, const TensorSource& b) {
        return a.dtype != b.dtype ? a.dtype > b.dtype : a.name < b.name;
    });
    std::string json = header_json(tensors, metadata);
    json.append((kLengthBytes - json.size() % kLengthBytes) % kLengthBytes, ' ');
    uint64_t data_bytes = 0;
    for (const TensorSource& tensor : tensors) data_bytes += tensor.bytes.size();
    if (json.size() > kMaxSafetensorsHeaderBytes)
        return fail(Code::kLimit, "the tensors' names and shapes do not fit a safetensors header");
    // What the reader would refuse is never written: sizes, names, duplicates.
    const auto readable = parse_safetensors_header(json, data_bytes);
    if (!readable.ok()) return fail(Code::kInvalidArgument, readable.error().message);
    const uint64_t length = json.size();
    Bytes prefix;
    prefix.reserve(kLengthBytes + json.size());
    for (size_t i = 0; i < kLengthBytes; ++i)
        prefix.push_back(static_cast<uint8_t>(length >> (8 * i)));
    append(prefix, view_of(json));
    return prefix;
}

Status write_safetensors(const std::filesystem::path& path, std::vector<TensorSource> tensors,
                         const Metadata& metadata) {
    ASSAY_ASSIGN(const Bytes prefix, safetensors_prefix(tensors, metadata));
    ASSAY_ASSIGN(AtomicFile file, AtomicFile::create(path));
    ASSAY_RETURN_IF_ERROR(file.append(prefix));
    for (const TensorSource& tensor : tensors) ASSAY_RETURN_IF_ERROR(file.append(tensor.bytes));
    return file.commit();
}

}  // namespace assay::compute
