// How commands end: results on stdout (text, or one JSON document with --json), errors on stderr,
// exit status.
//
// Exit status: 0 done; 1 failed; 2 wrong usage; 3 verification found a difference; 4 not available
// (no node, no peer, not yet); 5 refused (rights or rules). Threads: one. Errors: fail_command
// throws CLI::RuntimeError, which ends the process with the status.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/result.h"
#include "node/cli/globals.h"
#include "node/core/progress.h"

namespace assay::node {

int exit_status(Code code);
[[noreturn]] void fail_command(const GlobalOptions& globals, const Error& error);
[[noreturn]] void end_command(int status);

// The value, or the end of the command.
template <typename T>
T value_or_fail(const GlobalOptions& globals, Result<T> result) {
    if (!result.ok()) fail_command(globals, result.error());
    return std::move(result).value();
}
inline void ok_or_fail(const GlobalOptions& globals, const Status& status) {
    if (!status.ok()) fail_command(globals, status.error());
}

// Prints `document` with --json, else `text` (a newline is added when missing).
void print_result(const GlobalOptions& globals, const nlohmann::json& document,
                  const std::string& text);

// On stderr, where it does not mix with the result.
std::unique_ptr<ProgressLine> progress_line(const GlobalOptions& globals);

// 1234567 -> "1.234567": micro-units as units, trailing zeros cut.
std::string format_amount(uint64_t micro_units);

}  // namespace assay::node
