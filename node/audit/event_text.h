// Reads attributes of events as the audit needs them. Threads: pure. Errors: none.
#pragma once

#include <string>
#include <string_view>

#include "ledger.pb.h"

namespace assay::node {

// Empty when the event has none of that name.
inline std::string attribute(const pb::Event& event, std::string_view key) {
    for (const auto& item : event.attributes())
        if (item.key() == key) return item.value();
    return {};
}

}  // namespace assay::node
