// The ledger of an export, replayed, and how far that is.
//
// Ownership: the caller's. Threads: one. Errors: end the command through report.h.
#pragma once

#include <memory>
#include <string>

#include "node/audit/replayed_ledger.h"
#include "node/cli/report.h"

namespace assay::node {

inline std::unique_ptr<ReplayedLedger> replay(const std::string& file,
                                              const GlobalOptions& globals) {
    const auto line = progress_line(globals);
    auto ledger = ReplayedLedger::open(file, [&](uint64_t height) {
        line->show("replaying " + file + ": block " + std::to_string(height));
    });
    line->clear();
    return value_or_fail(globals, std::move(ledger));
}

}  // namespace assay::node
