#include "node/rpc/dispatch.h"

#include <exception>
#include <nlohmann/json.hpp>

#include "node/rpc/discover.h"
#include "node/rpc/json_text.h"
#include "node/rpc/rpc_error.h"
#include "node/rpc/validate.h"

namespace assay::node {
namespace {

using nlohmann::json;

std::string error_reply(const json& id, const RpcError& error) {
    return dump_json({{"jsonrpc", "2.0"}, {"id", id}, {"error", to_json(error)}});
}

// Strings up to the limit, integers exact in every JSON reader, or null.
bool valid_id(const json& id, size_t max_bytes) {
    if (id.is_null()) return true;
    if (id.is_string()) return id.get_ref<const std::string&>().size() <= max_bytes;
    if (id.is_number_unsigned()) return id.get<uint64_t>() <= kMaxJsonInteger;
    if (id.is_number_integer()) return id.get<int64_t>() >= -static_cast<int64_t>(kMaxJsonInteger);
    return false;
}

// Empty: well-formed.
std::string request_flaw(const json& request, size_t max_id_bytes) {
    if (!request.is_object()) return "a request must be an object";
    if (request.contains("id") && !valid_id(request["id"], max_id_bytes))
        return "id must be a string of at most " + std::to_string(max_id_bytes) +
               " bytes, an integer below 2^53 in size, or null";
    const auto version = request.find("jsonrpc");
    if (version == request.end() || *version != "2.0") return "jsonrpc must be \"2.0\"";
    const auto method = request.find("method");
    if (method == request.end() || !method->is_string()) return "method must be a string";
    const auto params = request.find("params");
    if (params != request.end() && !params->is_structured())
        return "params must be an object or an array";
    return "";
}

}  // namespace

Dispatcher::Dispatcher(std::vector<Method> methods, DispatchLimits limits)
    : methods_(std::move(methods)), limits_(limits) {
    add_discovery(methods_);
    for (size_t i = 0; i < methods_.size(); ++i) index_.emplace(methods_[i].name, i);
}

const Method* Dispatcher::find(std::string_view name) const {
    const auto found = index_.find(name);
    return found == index_.end() ? nullptr : &methods_[found->second];
}

std::optional<std::string> Dispatcher::handle(std::string_view text,
                                              const CallContext& caller) const {
    const auto parsed = parse_json(text);
    if (!parsed.ok()) return error_reply(nullptr, parse_error(parsed.error().message));
    if (parsed->is_array()) return handle_batch(*parsed, caller);
    return handle_one(*parsed, caller);
}

std::optional<std::string> Dispatcher::handle_batch(const json& batch,
                                                    const CallContext& caller) const {
    if (batch.empty()) return error_reply(nullptr, invalid_request("the batch is empty"));
    if (batch.size() > limits_.max_batch)
        return error_reply(nullptr,
                           over_limit("a batch holds at most " + std::to_string(limits_.max_batch) +
                                      " requests, got " + std::to_string(batch.size())));
    std::string replies;
    for (const json& request : batch) {
        const auto reply = handle_one(request, caller);
        if (!reply) continue;
        if (replies.size() + reply->size() > limits_.max_reply_bytes)
            return error_reply(nullptr, over_limit("the replies of this batch exceed " +
                                                   std::to_string(limits_.max_reply_bytes) +
                                                   " bytes: send smaller batches"));
        replies += replies.empty() ? '[' : ',';
        replies += *reply;
    }
    if (replies.empty()) return std::nullopt;
    return replies + ']';
}

std::optional<std::string> Dispatcher::handle_one(const json& request,
                                                  const CallContext& caller) const {
    const std::string flaw = request_flaw(request, limits_.max_id_bytes);
    if (!flaw.empty()) {
        // A flawed request is answered even without id: its sender cannot have meant it so.
        const bool usable = request.is_object() && request.contains("id") &&
                            valid_id(request["id"], limits_.max_id_bytes);
        return error_reply(usable ? request["id"] : json(nullptr), invalid_request(flaw));
    }
    const bool notification = !request.contains("id");
    const json id = notification ? json(nullptr) : request["id"];
    const auto& name = request["method"].get_ref<const std::string&>();
    const Method* method = find(name);
    std::string reply;
    if (method == nullptr) {
        reply = error_reply(id, method_not_found(name));
    } else if (caller.role < method->role) {
        reply = error_reply(
            id, rpc_error(fail(Code::kUnauthorized,
                               name + " needs the role " + std::string(role_name(method->role)))));
    } else {
        reply = call(*method, request.value("params", json::object()), id, caller);
    }
    if (notification) return std::nullopt;
    return reply;
}

std::string Dispatcher::call(const Method& method, const json& params, const json& id,
                             const CallContext& caller) const {
    CallContext context = caller;
    try {
        const auto checked = validate_params(method, params);
        if (!checked.ok()) return error_reply(id, rpc_error(checked.error()));
        const auto result = method.handler(*checked, context);
        if (!result.ok() && context.refused_with)
            return error_reply(id, rpc_error(*context.refused_with, result.error().message));
        if (!result.ok()) return error_reply(id, rpc_error(result.error()));
        std::string reply = dump_json({{"jsonrpc", "2.0"}, {"id", id}, {"result", *result}});
        if (reply.size() <= limits_.max_reply_bytes) return reply;
        return error_reply(id, over_limit("the reply of " + method.name + " exceeds " +
                                          std::to_string(limits_.max_reply_bytes) +
                                          " bytes: ask for less at a time"));
    } catch (const std::bad_alloc&) {
        return error_reply(id,
                           rpc_error(fail(Code::kOutOfMemory, method.name + ": out of memory")));
    } catch (const std::exception& error) {
        return error_reply(id, rpc_error(fail(Code::kInternal, method.name + ": " + error.what())));
    }
}

}  // namespace assay::node
