#include "node/rpc/discover.h"

#include <nlohmann/json.hpp>

#include "node/rpc/json_text.h"
#include "node/rpc/rpc_error.h"

namespace assay::node {
namespace {

using nlohmann::json;

constexpr std::string_view kOpenRpcVersion = "1.3.2";
constexpr std::string_view kApiVersion = "1.0.0";

json schema_of(const Param& param) {
    json schema = {{"type", json_type_name(param.type)}};
    if (param.type == JsonType::kInteger) {
        schema["minimum"] = 0;
        schema["maximum"] = param.max;
    }
    if (param.type == JsonType::kString && param.format != Format::kText)
        schema["pattern"] = format_pattern(param.format);
    if (!param.choices.empty()) schema["enum"] = param.choices;
    return schema;
}

json example_of(const Method& method) {
    json params = json::array();
    const json values = json::parse(method.example);
    for (const Param& param : method.params)
        if (values.contains(param.name))
            params.push_back({{"name", param.name}, {"value", values[param.name]}});
    return {{"name", method.name + " example"}, {"params", params}};
}

json describe(const Method& method) {
    json params = json::array();
    for (const Param& param : method.params)
        params.push_back({{"name", param.name},
                          {"description", param.description},
                          {"required", param.required},
                          {"schema", schema_of(param)}});
    return {{"name", method.name},
            {"summary", method.summary},
            {"paramStructure", "either"},
            {"params", params},
            {"result",
             {{"name", "result"}, {"description", method.result}, {"schema", json::object()}}},
            {"examples", json::array({example_of(method)})},
            {"x-role", role_name(method.role)}};
}

json method_list(const std::vector<Method>& methods) {
    json list = json::array();
    for (const Method& method : methods)
        list.push_back(
            {{"name", method.name}, {"summary", method.summary}, {"role", role_name(method.role)}});
    return {{"methods", list}};
}

std::string param_row(const Param& param) {
    std::string type(json_type_name(param.type));
    if (!param.choices.empty()) {
        type.clear();
        for (const std::string& choice : param.choices)
            type += (type.empty() ? "\"" : ", \"") + choice + "\"";
    } else if (param.format != Format::kText) {
        // A bar would end the table cell.
        std::string pattern(format_pattern(param.format));
        for (size_t at = 0; (at = pattern.find('|', at)) != std::string::npos; at += 2)
            pattern.insert(at, 1, '\\');
        type += " `" + pattern + "`";
    }
    return "| `" + param.name + "` | " + type + " | " + (param.required ? "yes" : "no") + " | " +
           param.description + " |\n";
}

}  // namespace

json openrpc_document(const std::vector<Method>& methods) {
    json described = json::array();
    for (const Method& method : methods) described.push_back(describe(method));
    return {{"openrpc", kOpenRpcVersion},
            {"info",
             {{"title", "Assay JSON-RPC"},
              {"version", kApiVersion},
              {"description",
               "Amounts are decimal strings of micro-units; hashes and addresses "
               "are 0x-hexadecimal; every read carries height and appHash."}}},
            {"methods", described}};
}

void add_discovery(std::vector<Method>& methods) {
    methods.push_back({.name = "node_listMethods",
                       .summary = "Names, summaries and roles of every method of this node.",
                       .result = "methods: [{name, summary, role}]",
                       .example = "{}"});
    methods.push_back({.name = "rpc.discover",
                       .summary = "The OpenRPC document of this node.",
                       .result = "an OpenRPC 1.3 document",
                       .example = "{}"});
    const auto list = std::make_shared<const json>(method_list(methods));
    const auto document = std::make_shared<const json>(openrpc_document(methods));
    methods[methods.size() - 2].handler = [list](const json&, CallContext&) -> Result<json> {
        return *list;
    };
    methods.back().handler = [document](const json&, CallContext&) -> Result<json> {
        return *document;
    };
}

std::string render_overview(const std::vector<Method>& methods) {
    std::string text = "## Methods\n\n| method | role | summary |\n|---|---|---|\n";
    for (const Method& method : methods)
        text += "| [`" + method.name + "`](json-rpc-methods.md) | " +
                std::string(role_name(method.role)) + " | " + method.summary + " |\n";
    text += "\n## Errors\n\n| code | data.code | retryable | remedy |\n|---|---|---|---|\n";
    for (const RpcErrorRow& row : rpc_error_table())
        text += "| " + std::to_string(row.number) + " | `" + std::string(row.name) + "` | " +
                (row.retryable ? "yes" : "no") + " | " + std::string(row.remedy) + " |\n";
    return text;
}

std::string render_reference(const std::vector<Method>& methods) {
    std::string text;
    for (const Method& method : methods) {
        text += "\n## " + method.name + "\n" + method.summary +
                " Role: " + std::string(role_name(method.role)) + ".\n\n";
        if (!method.params.empty()) {
            text += "| parameter | type | required | meaning |\n|---|---|---|---|\n";
            for (const Param& param : method.params) text += param_row(param);
            text += "\n";
        }
        text += "Answers: " + method.result + "\n\nExample: `" +
                dump_json({{"jsonrpc", "2.0"},
                           {"id", 1},
                           {"method", method.name},
                           {"params", json::parse(method.example)}}) +
                "`\n";
    }
    return text;
}

}  // namespace assay::node
