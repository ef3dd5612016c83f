#include "node/rpc/validate.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "node/rpc/json_text.h"

namespace assay::node {
namespace {

using nlohmann::json;

std::string kind_of(const json& value) {
    if (is_decimal(value)) return "the number " + decimal_text(value).substr(0, 32);
    if (value.is_number()) return "the number " + value.dump();
    if (value.is_string())
        return "the string \"" + value.get_ref<const std::string&>().substr(0, 40) + "\"";
    return value.type_name();
}

Error wrong(const Param& param, const std::string& expected, const json& value) {
    return fail(Code::kInvalidArgument,
                "parameter " + param.name + ": expected " + expected + ", got " + kind_of(value));
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
    std::string text;
    for (const std::string& part : parts) {
        if (!text.empty()) text += separator;
        text += part;
    }
    return text;
}

Status check_string(const Param& param, const json& value) {
    if (!value.is_string()) return wrong(param, "a string", value);
    const auto& text = value.get_ref<const std::string&>();
    if (!param.choices.empty() && std::ranges::find(param.choices, text) == param.choices.end())
        return wrong(param, "one of " + join(param.choices, ", "), value);
    if (matches_format(param.format, text)) return {};
    if (param.format == Format::kText)
        return fail(Code::kInvalidArgument, "parameter " + param.name + ": longer than " +
                                                std::to_string(kMaxTextParam) + " bytes");
    return wrong(param, "a string like " + std::string(format_pattern(param.format)), value);
}

Status check_value(const Param& param, const json& value) {
    switch (param.type) {
        case JsonType::kString:
            return check_string(param, value);
        case JsonType::kInteger:
            if (!value.is_number_unsigned() || value.get<uint64_t>() > param.max)
                return wrong(param, "an integer from 0 to " + std::to_string(param.max), value);
            return {};
        case JsonType::kBoolean:
            if (!value.is_boolean()) return wrong(param, "true or false", value);
            return {};
        case JsonType::kObject:
            if (!value.is_object()) return wrong(param, "an object", value);
            return {};
        case JsonType::kArray:
            if (!value.is_array()) return wrong(param, "an array", value);
            return {};
    }
    return fail(Code::kInternal, "parameter " + param.name + " has no type");
}

std::vector<std::string> names_of(const Method& method) {
    std::vector<std::string> names;
    for (const Param& param : method.params) names.push_back(param.name);
    return names;
}

Result<json> by_position(const Method& method, const json& params) {
    if (params.size() > method.params.size())
        return fail(Code::kInvalidArgument,
                    method.name + " takes at most " + std::to_string(method.params.size()) +
                        " parameters, got " + std::to_string(params.size()));
    json named = json::object();
    for (size_t i = 0; i < params.size(); ++i) named[method.params[i].name] = params[i];
    return named;
}

}  // namespace

Result<json> validate_params(const Method& method, const json& params) {
    json named = json::object();
    if (params.is_array()) {
        ASSAY_ASSIGN(named, by_position(method, params));
    } else if (params.is_object()) {
        named = params;
    } else {
        return fail(Code::kInvalidArgument, "params must be an object or an array");
    }
    for (const auto& [name, value] : named.items()) {
        const auto known = names_of(method);
        if (std::ranges::find(known, name) == known.end())
            return fail(Code::kInvalidArgument,
                        method.name + " has no parameter \"" + name.substr(0, 64) +
                            "\"; it takes: " + (known.empty() ? "none" : join(known, ", ")));
    }
    for (const Param& param : method.params) {
        const auto found = named.find(param.name);
        const bool absent = found == named.end() || found->is_null();
        if (absent && param.required)
            return fail(Code::kInvalidArgument,
                        "parameter " + param.name + " is missing: " + param.description);
        if (absent) {
            named.erase(param.name);
        } else {
            ASSAY_RETURN_IF_ERROR(check_value(param, *found));
        }
    }
    return named;
}

}  // namespace assay::node
