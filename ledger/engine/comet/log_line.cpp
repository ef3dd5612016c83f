#include "ledger/engine/comet/log_line.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace assay::ledger::comet {
namespace {

using nlohmann::json;

constexpr const char* kConsensusBroke = "CONSENSUS FAILURE!!!";
// After these, CometBFT 0.38 stays without doing anything.
constexpr std::array<const char*, 4> kSyncBroke = {
    "State sync failed", "Failed to bootstrap node with new state",
    "Failed to store last seen commit", "Failed to switch to block sync"};

constexpr const char* kConsensusRemedy =
    ". Where it names an app hash, the state of this node or the rules of its program are not "
    "those of the others (docs/operations.md)";
constexpr const char* kSyncRemedy =
    ". Remedy: other servers or a newer trustHeight in config.json (docs/operations.md), then "
    "start the node again";

std::string text_of_value(const json& value) {
    return value.is_string() ? value.get<std::string>()
                             : value.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

LogLine read_log_line(const std::string& line) {
    const json entry = json::parse(line, nullptr, false);
    if (!entry.is_object() || !entry.contains("_msg")) return {line, {}};
    LogLine read;
    const std::string message = text_of_value(entry["_msg"]);
    read.text = message;
    std::string error;
    for (const auto& [name, value] : entry.items()) {
        if (name == "err") error = text_of_value(value);
        if (name == "_msg" || name == "level" || name == "ts" || name == "stack") continue;
        read.text += " " + name + "=" + text_of_value(value);
    }
    if (message == kConsensusBroke) read.gave_up = error + kConsensusRemedy;
    if (std::find(kSyncBroke.begin(), kSyncBroke.end(), message) != kSyncBroke.end())
        read.gave_up = message + ": " + error + kSyncRemedy;
    return read;
}

}  // namespace assay::ledger::comet
