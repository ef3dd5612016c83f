// JSON-RPC 2.0 dispatch: request text in, reply text out, over one table of methods.
//
// Ownership: owns the table. Threads: const after construction; handle() from any thread. Errors:
// every failure, a thrown exception included, becomes a JSON-RPC error reply.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "node/rpc/method.h"

namespace assay::node {

struct DispatchLimits {
    size_t max_batch = 50;
    size_t max_reply_bytes = 32u << 20;  // one reply or one whole batch
    size_t max_id_bytes = 128;           // of a string id
};

class Dispatcher {
public:
    // Adds rpc.discover and node_listMethods, which describe the table itself.
    explicit Dispatcher(std::vector<Method> methods, DispatchLimits limits = {});

    // nullopt: only notifications, nothing to answer.
    [[nodiscard]] std::optional<std::string> handle(std::string_view text,
                                                    const CallContext& caller) const;
    [[nodiscard]] const std::vector<Method>& methods() const { return methods_; }
    [[nodiscard]] const Method* find(std::string_view name) const;

private:
    [[nodiscard]] std::optional<std::string> handle_one(const nlohmann::json& request,
                                                        const CallContext& caller) const;
    [[nodiscard]] std::optional<std::string> handle_batch(const nlohmann::json& batch,
                                                          const CallContext& caller) const;
    [[nodiscard]] std::string call(const Method& method, const nlohmann::json& params,
                                   const nlohmann::json& id, const CallContext& caller) const;

    std::vector<Method> methods_;
    std::map<std::string, size_t, std::less<>> index_;
    DispatchLimits limits_;
};

}  // namespace assay::node
