// TLS certificates bound to a ledger key: who a connection is with is an account address, not a
// host name.
//
// Each process makes a fresh P-256 TLS key and a self-signed certificate whose subjectAltName URI
// is assay://ADDRESS/SIGNATURE, the ledger key's signature over H("assay/tls", chain id, public key
// of the certificate). Pure functions; thread-safe. Errors: kUnauthorized says what the certificate
// lacks.
#pragma once

#include <string>

#include "base/result.h"
#include "ledger/crypto/keys.h"

namespace assay::node {

// The DNS name of every peer certificate and what clients ask for: who a peer is does not depend on
// it.
inline constexpr char kPeerTlsName[] = "assay";

struct TlsIdentity {
    std::string certificate_pem;
    std::string key_pem;  // secret
};

Result<TlsIdentity> make_tls_identity(const ledger::PrivateKey& key, const std::string& chain_id);
// The address that vouches for the certificate's key on this chain.
Result<ledger::Address> verify_peer_certificate(std::string_view pem, const std::string& chain_id);

}  // namespace assay::node
