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

// The end of docs/json-rpc.md: every method in a line, every error.
std::string render_overview(const std::vector<Method>& methods);
// docs/json-rpc-methods.md below its heading: every method with parameters, answer and an example.
std::string render_reference(const std::vector<Method>& methods);

}  // namespace assay::node
