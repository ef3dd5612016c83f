// gRPC credentials in which both sides show a certificate bound to a ledger key.
//
// Internal to node/peer (includes gRPC headers). Thread-safe.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "node/peer/certificate.h"

namespace assay::node {

std::shared_ptr<grpc::ServerCredentials> server_credentials(const TlsIdentity& identity,
                                                            const std::string& chain_id);
std::shared_ptr<grpc::ChannelCredentials> channel_credentials(const TlsIdentity& identity,
                                                              const std::string& chain_id);
// The caller's ledger address, from the connection's certificate.
Result<ledger::Address> caller_address(const grpc::ServerContext& context,
                                       const std::string& chain_id);

Error error_of(const grpc::Status& status, const std::string& what);
grpc::Status status_of(const Error& error);

}  // namespace assay::node
