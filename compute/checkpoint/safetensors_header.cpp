// The rules of a safetensors header: what it may say, and that the tensors exactly fill the data.
#include <algorithm>
#include <array>
#include <tuple>

#include "compute/checkpoint/safetensors.h"
#include "compute/json/json.h"

namespace assay::compute {
namespace {

struct DtypeRow {
    std::string_view name;
    uint64_t bits;
};
constexpr std::array<DtypeRow, 22> kDtypes = {{
    {"BOOL", 8},        {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"U8", 8},
    {"I8", 8},          {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8},
    {"F8_E5M2FNUZ", 8}, {"I16", 16},    {"U16", 16},    {"F16", 16},    {"BF16", 16},
    {"I32", 32},        {"U32", 32},    {"F32", 32},    {"C64", 64},    {"F64", 64},
    {"I64", 64},        {"U64", 64},
}};

// Deepest: object of tensors, tensor, array of numbers.
constexpr json::Limits kJsonLimits{kMaxSafetensorsHeaderBytes, 4, kMaxSafetensorsHeaderValues};

Error wrong(std::string_view tensor, const std::string& what) {
    return fail(Code::kCorrupt, "safetensors tensor " + std::string(tensor) + ": " + what);
}

Result<Metadata> read_metadata(const json::Value& value) {
    if (!value.is(json::Kind::kObject))
        return fail(Code::kCorrupt, "safetensors __metadata__ is not an object");
    Metadata metadata;
    for (const auto& [key, member] : value.members) {
        if (!member.is(json::Kind::kString))
            return fail(Code::kCorrupt, "safetensors metadata " + key + " is not a string");
        metadata.emplace(key, member.text);
    }
    return metadata;
}

Status read_dtype(TensorInfo& info, const json::Value& value) {
    if (!value.is(json::Kind::kString)) return wrong(info.name, "its dtype is not a string");
    const auto* const row = std::find_if(kDtypes.begin(), kDtypes.end(),
                                         [&](const DtypeRow& r) { return r.name == value.text; });
    if (row == kDtypes.end()) return wrong(info.name, "unknown dtype " + value.text);
    info.dtype = static_cast<Dtype>(row - kDtypes.begin());
    return {};
}

Status read_numbers(const TensorInfo& info, const std::string& key, const json::Value& value,
                    std::vector<uint64_t>& out) {
    if (!value.is(json::Kind::kArray)) return wrong(info.name, "its " + key + " is not an array");
    if (value.items.size() > kMaxTensorRank)
        return wrong(info.name, "its " + key + " has more than " + std::to_string(kMaxTensorRank) +
                                    " numbers");
    for (const json::Value& item : value.items) {
        const auto number = item.as_u64();
        if (!number.ok())
            return wrong(info.name,
                         "its " + key + " holds something else than whole numbers from 0");
        out.push_back(*number);
    }
    return {};
}

Result<TensorInfo> read_tensor(const std::string& name, const json::Value& value) {
    TensorInfo info;
    info.name = name;
    if (!value.is(json::Kind::kObject)) return wrong(name, "its description is not an object");
    for (const auto& [key, member] : value.members) {
        if (key != "dtype" && key != "shape" && key != "data_offsets")
            return wrong(name, "unknown key " + key);
    }
    const json::Value* dtype = value.find("dtype");
    const json::Value* shape = value.find("shape");
    const json::Value* offsets = value.find("data_offsets");
    if (dtype == nullptr || shape == nullptr || offsets == nullptr)
        return wrong(name, "dtype, shape or data_offsets is missing");
    ASSAY_RETURN_IF_ERROR(read_dtype(info, *dtype));
    ASSAY_RETURN_IF_ERROR(read_numbers(info, "shape", *shape, info.shape));
    std::vector<uint64_t> range;
    ASSAY_RETURN_IF_ERROR(read_numbers(info, "data_offsets", *offsets, range));
    if (range.size() != 2) return wrong(name, "its data_offsets are not two numbers");
    info.begin = range[0];
    info.end = range[1];
    return info;
}

// The declared byte range has the size that shape and dtype give.
Status check_size(const TensorInfo& tensor) {
    if (tensor.end < tensor.begin) return wrong(tensor.name, "its offsets end before they begin");
    uint64_t elements = 1;
    for (const uint64_t extent : tensor.shape) {
        if (extent != 0 && elements > UINT64_MAX / extent)
            return wrong(tensor.name, "its shape overflows 64 bits");
        elements *= extent;
    }
    if (elements > UINT64_MAX / dtype_bits(tensor.dtype))
        return wrong(tensor.name, "its shape overflows 64 bits");
    const uint64_t bits = elements * dtype_bits(tensor.dtype);
    if (bits % 8 != 0) return wrong(tensor.name, "its elements do not fill whole bytes");
    if (bits / 8 != tensor.bytes())
        return wrong(tensor.name, "its shape needs " + std::to_string(bits / 8) +
                                      " bytes; its offsets hold " + std::to_string(tensor.bytes()));
    return {};
}

// Tensors in offset order fill [0, data_bytes) without hole or overlap.
Status check_layout(const std::vector<TensorInfo>& tensors, uint64_t data_bytes) {
    uint64_t next = 0;
    for (const TensorInfo& tensor : tensors) {
        ASSAY_RETURN_IF_ERROR(check_size(tensor));
        if (tensor.begin > next)
            return wrong(tensor.name, "there is a hole of " + std::to_string(tensor.begin - next) +
                                          " bytes before it");
        if (tensor.begin < next) return wrong(tensor.name, "it overlaps the tensor before it");
        if (tensor.end > data_bytes)
            return wrong(tensor.name, "it reaches past the end of the file");
        next = tensor.end;
    }
    if (next != data_bytes)
        return fail(Code::kCorrupt, "safetensors file has " + std::to_string(data_bytes - next) +
                                        " bytes after its last tensor");
    return {};
}

}  // namespace

std::string_view dtype_name(Dtype dtype) {
    return kDtypes[static_cast<size_t>(dtype)].name;
}
uint64_t dtype_bits(Dtype dtype) {
    return kDtypes[static_cast<size_t>(dtype)].bits;
}

const TensorInfo* SafetensorsHeader::find(std::string_view name) const {
    for (const TensorInfo& tensor : tensors) {
        if (tensor.name == name) return &tensor;
    }
    return nullptr;
}

Result<SafetensorsHeader> parse_safetensors_header(std::string_view text, uint64_t data_bytes) {
    if (text.empty() || text[0] != '{')
        return fail(Code::kCorrupt, "safetensors header does not begin with '{'");
    const auto document = json::parse(text, kJsonLimits);
    if (!document.ok())
        return fail(document.error().code, "safetensors header: " + document.error().message);
    SafetensorsHeader header;
    for (const auto& [name, value] : document->members) {
        if (name == "__metadata__") {
            ASSAY_ASSIGN(header.metadata, read_metadata(value));
        } else {
            ASSAY_ASSIGN(TensorInfo info, read_tensor(name, value));
            header.tensors.push_back(std::move(info));
        }
    }
    std::sort(header.tensors.begin(), header.tensors.end(),
              [](const TensorInfo& a, const TensorInfo& b) {
                  return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
              });
    ASSAY_RETURN_IF_ERROR(check_layout(header.tensors, data_bytes));
    return header;
}

}  // namespace assay::compute
