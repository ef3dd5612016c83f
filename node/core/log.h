// The node's log: one line an entry on standard output or error, as text or as JSON.
//
//   text  2026-01-02T03:04:05.678 info chain assay-1 ...
//   json  {"time":"2026-01-02T03:04:05.678Z","level":"info","message":"chain assay-1 ..."}
// Times of json are UTC. Threads: the logger's own locks. Keys and passphrases are never logged.
#pragma once

#include <spdlog/logger.h>

#include <memory>

#include "node/core/config.h"

namespace assay::node {

std::shared_ptr<spdlog::logger> make_log(const NodeConfig& config, bool to_stderr);
// The same format into another sink.
std::shared_ptr<spdlog::logger> make_log(const NodeConfig& config, spdlog::sink_ptr sink);

}  // namespace assay::node
