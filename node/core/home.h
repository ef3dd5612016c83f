// Creating and opening a node's home folder, and finding the node that runs in it.
//
// Free functions, no state; thread-safe except for two creations of one home. Errors:
// kAlreadyExists when a home would be overwritten, kNotFound for one that was never made,
// kUnauthorized for a passphrase file others can read.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"
#include "ledger.pb.h"
#include "node/core/config.h"

namespace assay::node {

// $ASSAY_HOME, else ~/.assay.
std::filesystem::path default_home();
// The running program's own file.
Result<std::filesystem::path> own_executable();

// Writes <home>/passphrase (0600) with 128 random bits and returns them.
Result<std::string> create_passphrase_file(const std::filesystem::path& home);
// Reads a passphrase file: one line, at most 1 KiB, readable by the owner only.
Result<std::string> read_passphrase_file(const std::filesystem::path& file);

Result<pb::Genesis> load_genesis(const HomeLayout& home);

// The cometbft program: `configured`, else the one of tools/deps --cometbft beside a build of
// `executable`, else on PATH. kNotFound with the remedy.
Result<std::filesystem::path> find_cometbft(const std::string& configured,
                                            const std::filesystem::path& executable);

// True when a node serving its ledger answers GET /ready at host:port.
bool probe_ready(const std::string& endpoint);

}  // namespace assay::node
