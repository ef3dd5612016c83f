// Descriptions generated from the table of methods: the OpenRPC document, the list of methods and
// docs/json-rpc.md. Threads: pure functions. Errors: none.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "node/rpc/method.h"

namespace assay::node {

// Adds rpc.discover and node_listMethods to the table; both describe themselves too.
void add_discovery(std::vector<Method>& methods);

nlohmann::json openrpc_document(const std::vector<Method>& methods);

// The reference section of docs/json-rpc.md, between its two markers.
std::string render_docs(const std::vector<Method>& methods);

}  // namespace assay::node
