#include "node/peer/credentials.h"

#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_certificate_verifier.h>
#include <grpcpp/security/tls_credentials_options.h>

namespace assay::node {
namespace {

using grpc::experimental::CertificateVerifier;
using grpc::experimental::ExternalCertificateVerifier;
using grpc::experimental::TlsCustomVerificationCheckRequest;

// No authority vouches for a peer's certificate but the ledger key inside it.
class LedgerKeyVerifier : public ExternalCertificateVerifier {
public:
    explicit LedgerKeyVerifier(std::string chain_id) : chain_id_(std::move(chain_id)) {}

    bool Verify(TlsCustomVerificationCheckRequest* request, std::function<void(grpc::Status)>,
                grpc::Status* sync_status) override {
        const auto pem = request->peer_cert();
        const auto peer = verify_peer_certificate({pem.data(), pem.size()}, chain_id_);
        *sync_status = peer.ok()
                           ? grpc::Status::OK
                           : grpc::Status(grpc::StatusCode::UNAUTHENTICATED, peer.error().message);
        return true;
    }
    void Cancel(TlsCustomVerificationCheckRequest*) override {}

private:
    const std::string chain_id_;
};

template <typename Options>
void set_common(Options& options, const std::string& chain_id) {
    options.watch_identity_key_cert_pairs();
    options.set_check_call_host(false);
    options.set_certificate_verifier(
        ExternalCertificateVerifier::Create<LedgerKeyVerifier>(chain_id));
}

std::shared_ptr<grpc::experimental::CertificateProviderInterface> provider_of(
    const TlsIdentity& identity) {
    return std::make_shared<grpc::experimental::StaticDataCertificateProvider>(
        std::vector<grpc::experimental::IdentityKeyCertPair>{
            {identity.key_pem, identity.certificate_pem}});
}

}  // namespace

std::shared_ptr<grpc::ServerCredentials> server_credentials(const TlsIdentity& identity,
                                                            const std::string& chain_id) {
    grpc::experimental::TlsServerCredentialsOptions options(provider_of(identity));
    set_common(options, chain_id);
    options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_BUT_DONT_VERIFY);
    return grpc::experimental::TlsServerCredentials(options);
}

std::shared_ptr<grpc::ChannelCredentials> channel_credentials(const TlsIdentity& identity,
                                                              const std::string& chain_id) {
    grpc::experimental::TlsChannelCredentialsOptions options;
    options.set_certificate_provider(provider_of(identity));
    set_common(options, chain_id);
    options.set_verify_server_certs(false);  // by an authority: the verifier above decides
    return grpc::experimental::TlsCredentials(options);
}

Result<ledger::Address> caller_address(const grpc::ServerContext& context,
                                       const std::string& chain_id) {
    const auto values = context.auth_context()->FindPropertyValues("x509_pem_cert");
    if (values.empty()) return fail(Code::kUnauthorized, "no client certificate");
    return verify_peer_certificate({values.front().data(), values.front().size()}, chain_id);
}

Error error_of(const grpc::Status& status, const std::string& what) {
    Code code = Code::kUnavailable;
    switch (status.error_code()) {
        case grpc::StatusCode::NOT_FOUND:
            code = Code::kNotFound;
            break;
        case grpc::StatusCode::DEADLINE_EXCEEDED:
            code = Code::kTimeout;
            break;
        case grpc::StatusCode::INVALID_ARGUMENT:
            code = Code::kInvalidArgument;
            break;
        case grpc::StatusCode::RESOURCE_EXHAUSTED:
            code = Code::kLimit;
            break;
        case grpc::StatusCode::UNAUTHENTICATED:
        case grpc::StatusCode::PERMISSION_DENIED:
            code = Code::kUnauthorized;
            break;
        default:
            break;
    }
    return fail(code, what + ": " + status.error_message());
}

grpc::Status status_of(const Error& error) {
    grpc::StatusCode code = grpc::StatusCode::INTERNAL;
    switch (error.code) {
        case Code::kNotFound:
            code = grpc::StatusCode::NOT_FOUND;
            break;
        case Code::kInvalidArgument:
            code = grpc::StatusCode::INVALID_ARGUMENT;
            break;
        case Code::kLimit:
            code = grpc::StatusCode::RESOURCE_EXHAUSTED;
            break;
        case Code::kUnauthorized:
            code = grpc::StatusCode::PERMISSION_DENIED;
            break;
        case Code::kUnavailable:
            code = grpc::StatusCode::UNAVAILABLE;
            break;
        default:
            break;
    }
    return {code, error.message};
}

}  // namespace assay::node
