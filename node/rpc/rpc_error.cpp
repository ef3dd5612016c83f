#include "node/rpc/rpc_error.h"

#include <array>
#include <nlohmann/json.hpp>

namespace assay::node {
namespace {

struct CodeRow {
    Code code;
    int number;
    bool retryable;
    std::string_view remedy;
};

constexpr std::array<CodeRow, 15> kCodes{{
    {Code::kInvalidArgument, kRpcInvalidParams, false, "correct the named parameter"},
    {Code::kNotFound, kRpcNotFound, false, "check the identifier, or wait until it is committed"},
    {Code::kAlreadyExists, kRpcServerError, false, "use the existing object or another name"},
    {Code::kCorrupt, kRpcServerError, false, "fetch the data again from another node"},
    {Code::kLimit, kRpcLimit, false, "ask for less at a time; docs/limits.md lists every limit"},
    {Code::kUnauthorized, kRpcUnauthorized, false,
     "send Authorization: Bearer with a token of the needed role (node_createToken)"},
    {Code::kUnavailable, kRpcUnavailable, true, "try again later"},
    {Code::kIo, kRpcServerError, true, "check disk space and permissions on the node"},
    {Code::kTimeout, kRpcTimeout, true, "try again or allow a longer timeout"},
    {Code::kConflict, kRpcConflict, true, "read the current state and try again"},
    {Code::kFault, kRpcServerError, false, "the training diverged: lower the learning rate"},
    {Code::kOutOfMemory, kRpcServerError, true, "free memory on the node or ask for less"},
    {Code::kUnsupported, kRpcUnsupported, false, "use a node or backend that has this feature"},
    {Code::kRejected, kRpcTxRejected, false, "read the message; the ledger's rules refuse this"},
    {Code::kInternal, kRpcInternalError, false, "report this with the node's log"},
}};

const CodeRow& row_of(Code code) {
    for (const CodeRow& row : kCodes)
        if (row.code == code) return row;
    return kCodes.back();
}

constexpr std::string_view kParseRemedy = "send one JSON value in UTF-8";
constexpr std::string_view kRequestRemedy =
    "send {\"jsonrpc\":\"2.0\",\"id\":1,\"method\":...,\"params\":{...}}";
constexpr std::string_view kMethodRemedy = "call node_listMethods for the methods of this node";

}  // namespace

RpcError rpc_error(const Error& error) {
    const CodeRow& row = row_of(error.code);
    return {.number = row.number,
            .name = std::string(code_name(error.code)),
            .message = error.message,
            .remedy = std::string(row.remedy),
            .retryable = row.retryable};
}

RpcError rpc_error(ledger::TxCode code, const std::string& log) {
    RpcError error{.number = kRpcTxRejected,
                   .name = std::string(ledger::tx_code_name(code)),
                   .message = "transaction refused: " + std::string(ledger::tx_code_name(code)),
                   .remedy = std::string(ledger::tx_code_remedy(code)),
                   .retryable = ledger::family(code) == ledger::TxFamily::kRetry,
                   .tx_code = static_cast<uint32_t>(code)};
    if (!log.empty()) error.message += ": " + log;
    return error;
}

RpcError parse_error(const std::string& message) {
    return {.number = kRpcParseError,
            .name = "parse_error",
            .message = message,
            .remedy = std::string(kParseRemedy)};
}

RpcError invalid_request(const std::string& message) {
    return {.number = kRpcInvalidRequest,
            .name = "invalid_request",
            .message = message,
            .remedy = std::string(kRequestRemedy)};
}

RpcError method_not_found(std::string_view method) {
    return {.number = kRpcMethodNotFound,
            .name = "method_not_found",
            .message = "no method \"" + std::string(method.substr(0, 64)) + "\"",
            .remedy = std::string(kMethodRemedy)};
}

RpcError over_limit(const std::string& message) {
    return rpc_error(fail(Code::kLimit, message));
}

nlohmann::json to_json(const RpcError& error) {
    nlohmann::json data = {
        {"code", error.name}, {"remedy", error.remedy}, {"retryable", error.retryable}};
    if (error.tx_code != 0) data["txCode"] = error.tx_code;
    return {{"code", error.number}, {"message", error.message}, {"data", std::move(data)}};
}

std::vector<RpcErrorRow> rpc_error_table() {
    std::vector<RpcErrorRow> rows = {
        {kRpcParseError, "parse_error", kParseRemedy, false},
        {kRpcInvalidRequest, "invalid_request", kRequestRemedy, false},
        {kRpcMethodNotFound, "method_not_found", kMethodRemedy, false},
    };
    for (const CodeRow& row : kCodes)
        rows.push_back({row.number, code_name(row.code), row.remedy, row.retryable});
    return rows;
}

Code code_from_name(std::string_view name) {
    for (const CodeRow& row : kCodes)
        if (code_name(row.code) == name) return row.code;
    if (name == "parse_error" || name == "invalid_request") return Code::kInvalidArgument;
    if (name == "method_not_found") return Code::kUnsupported;
    return Code::kRejected;  // the remaining names are transaction result codes
}

}  // namespace assay::node
