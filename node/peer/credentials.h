// gRPC credentials in which both sides show a certificate bound to a ledger key.
//
// Internal to node/peer (includes gRPC headers). Thread-safe. Making credentials limits OpenSSL in
// this process to TLS 1.3; kInternal when that fails.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "node/peer/certificate.h"

namespace assay::node {

// Initial metadata of an open block stream.
inline constexpr char kBlockStreamOpen[] = "assay-blocks";

Result<std::shared_ptr<grpc::ServerCredentials>> server_credentials(const TlsIdentity& identity,
                                                                    const std::string& chain_id);
Result<std::shared_ptr<grpc::ChannelCredentials>> channel_credentials(const TlsIdentity& identity,
                                                                      const std::string& chain_id);
// The caller's ledger address, from the connection's certificate.
Result<ledger::Address> caller_address(const grpc::ServerContext& context,
                                       const std::string& chain_id);

// What a peer says is cut and made printable before it reaches a log.
std::string printable(const std::string& text);
Error error_of(const grpc::Status& status, const std::string& what);
// Local paths and the like stay here: a peer learns the kind of an internal error only.
grpc::Status status_of(const Error& error);

}  // namespace assay::node
