// The keyring passphrase: from --passphrase-file, $ASSAY_PASSPHRASE, or a prompt that does not
// echo.
//
// Free functions. Threads: one. Errors: kInvalidArgument when there is no terminal to ask on,
// kUnauthorized for a passphrase file that others can read.
#pragma once

#include <string>

#include "base/result.h"
#include "node/cli/globals.h"

namespace assay::node {

Result<std::string> ask_passphrase(const GlobalOptions& globals);
// Asks twice on a terminal.
Result<std::string> ask_new_passphrase(const GlobalOptions& globals);

}  // namespace assay::node
