// Options every command shares, and the two streams it talks to.
// Ownership: the streams are borrowed and outlive the command. Threads: one. Errors: none.
#pragma once

#include <filesystem>
#include <ostream>
#include <string>

namespace assay::node {

struct GlobalOptions {
    std::filesystem::path home;  // --home, $ASSAY_HOME, ~/.assay
    std::string rpc;             // --rpc host:port; empty: from the home's config
    bool json = false;           // --json: one JSON document on `out`
    std::filesystem::path
        passphrase_file;  // --passphrase-file; else $ASSAY_PASSPHRASE, else a prompt
    std::ostream* out = nullptr;
    std::ostream* err = nullptr;
};

}  // namespace assay::node
