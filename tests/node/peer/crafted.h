// Test support: certificates with one thing wrong.
// Pure functions; abort when OpenSSL fails.
#pragma once

#include <string>

#include "node/peer/certificate.h"

namespace assay::node::testing {

struct Crafted {
    const ledger::PrivateKey& signer;
    std::string chain_id;
    ledger::Address named;           // in the URI
    bool foreign_signature = false;  // over another certificate's key
    bool with_uri = true;
    std::string uri_end{};  // appended
    long valid_from_s = -60;
    long valid_until_s = 3600;
};
TlsIdentity craft(const Crafted& crafted);

}  // namespace assay::node::testing
