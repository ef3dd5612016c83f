#include "node/rpc/method.h"

#include <algorithm>
#include <array>

#include "base/bytes.h"

namespace assay::node {
namespace {

constexpr std::array<std::string_view, 4> kRoleNames = {"none", "read", "spend", "admin"};
constexpr size_t kMaxNameParam = 64;
constexpr size_t kMaxAmountDigits = 20;

bool is_hex(std::string_view text) {
    return text.starts_with("0x") && from_hex(text).has_value();
}

bool is_amount(std::string_view text) {
    if (text.empty() || text.size() > kMaxAmountDigits) return false;
    if (text.size() > 1 && text[0] == '0') return false;
    return std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

bool is_name(std::string_view text) {
    return !text.empty() && text.size() <= kMaxNameParam && std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_' || c == '.';
    });
}

}  // namespace

std::string_view role_name(Role role) {
    return kRoleNames[static_cast<size_t>(role)];
}

std::optional<Role> role_from_name(std::string_view name) {
    for (size_t i = 0; i < kRoleNames.size(); ++i)
        if (kRoleNames[i] == name) return static_cast<Role>(i);
    return std::nullopt;
}

std::string_view json_type_name(JsonType type) {
    switch (type) {
        case JsonType::kString:
            return "string";
        case JsonType::kInteger:
            return "integer";
        case JsonType::kBoolean:
            return "boolean";
        case JsonType::kObject:
            return "object";
        case JsonType::kArray:
            return "array";
    }
    return "";
}

std::string_view format_pattern(Format format) {
    switch (format) {
        case Format::kText:
            return "";
        case Format::kHash:
            return "^0x[0-9a-fA-F]{64}$";
        case Format::kAddress:
            return "^0x[0-9a-fA-F]{40}$";
        case Format::kHex:
            return "^0x([0-9a-fA-F]{2})*$";
        case Format::kAmount:
            return "^(0|[1-9][0-9]{0,19})$";
        case Format::kName:
            return "^[A-Za-z0-9._-]{1,64}$";
    }
    return "";
}

bool matches_format(Format format, std::string_view text) {
    switch (format) {
        case Format::kText:
            return text.size() <= kMaxTextParam;
        case Format::kHash:
            return text.size() == 66 && is_hex(text);
        case Format::kAddress:
            return text.size() == 42 && is_hex(text);
        case Format::kHex:
            return is_hex(text);
        case Format::kAmount:
            return is_amount(text);
        case Format::kName:
            return is_name(text);
    }
    return false;
}

}  // namespace assay::node
