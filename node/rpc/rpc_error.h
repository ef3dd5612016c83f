// Errors as JSON-RPC callers see them: one table from assay::Code and ledger::TxCode to a number,
// a stable name, a remedy and whether a retry may help. docs/json-rpc.md prints the same table.
//
// Ownership: plain values. Threads: pure functions. Errors: none.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ledger/codec/tx_code.h"

namespace assay::node {

// JSON-RPC 2.0 and, from -32000 on, the meanings of EIP-1474.
inline constexpr int kRpcParseError = -32700;
inline constexpr int kRpcInvalidRequest = -32600;
inline constexpr int kRpcMethodNotFound = -32601;
inline constexpr int kRpcInvalidParams = -32602;
inline constexpr int kRpcInternalError = -32603;
inline constexpr int kRpcServerError = -32000;
inline constexpr int kRpcNotFound = -32001;
inline constexpr int kRpcUnavailable = -32002;
inline constexpr int kRpcTxRejected = -32003;
inline constexpr int kRpcUnsupported = -32004;
inline constexpr int kRpcLimit = -32005;
inline constexpr int kRpcUnauthorized = -32010;
inline constexpr int kRpcTimeout = -32011;
inline constexpr int kRpcConflict = -32012;

struct RpcError {
    int number = kRpcInternalError;
    std::string name;  // error.data.code
    std::string message;
    std::string remedy;
    bool retryable = false;
    uint32_t tx_code = 0;  // error.data.txCode when not 0
};

RpcError rpc_error(const Error& error);
RpcError rpc_error(ledger::TxCode code, const std::string& log);
RpcError parse_error(const std::string& message);
RpcError invalid_request(const std::string& message);
RpcError method_not_found(std::string_view method);
// A batch, reply or other protocol limit.
RpcError over_limit(const std::string& message);

nlohmann::json to_json(const RpcError& error);

// One row per name, in numeric order of the RPC code, for the documentation.
struct RpcErrorRow {
    int number;
    std::string_view name;
    std::string_view remedy;
    bool retryable;
};
std::vector<RpcErrorRow> rpc_error_table();

// The way back, for clients: the Code whose name the server sent.
Code code_from_name(std::string_view name);

}  // namespace assay::node
