#include "node/peer/credentials.h"

#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_certificate_verifier.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <openssl/conf.h>
#include <openssl/ssl.h>

#include <memory>

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

// gRPC 1.51 offers no least TLS version and sets 1.2 itself. It leaves alone which versions
// OpenSSL's configuration forbids, so the rule goes there: it holds for every later TLS context of
// the process.
bool forbid_old_tls() {
    constexpr std::string_view kConfiguration =
        "openssl_conf = assay\n"
        "[assay]\nssl_conf = assay_ssl\n"
        "[assay_ssl]\nsystem_default = assay_tls\n"
        "[assay_tls]\nProtocol = -SSLv3,-TLSv1,-TLSv1.1,-TLSv1.2\n";
    // First the system's own configuration, which would otherwise be read later and win.
    if (OPENSSL_init_ssl(OPENSSL_INIT_LOAD_CONFIG, nullptr) != 1) return false;
    const std::unique_ptr<CONF, decltype(&NCONF_free)> conf(NCONF_new(nullptr), NCONF_free);
    const std::unique_ptr<BIO, decltype(&BIO_free)> text(
        BIO_new_mem_buf(kConfiguration.data(), static_cast<int>(kConfiguration.size())), BIO_free);
    return conf && text && NCONF_load_bio(conf.get(), text.get(), nullptr) > 0 &&
           CONF_modules_load(conf.get(), nullptr, 0) > 0;
}

Status require_tls_1_3() {
    // The setting is the process's, so it is made once.
    static const bool done = forbid_old_tls();
    if (!done) return fail(Code::kInternal, "TLS: OpenSSL cannot be limited to TLS 1.3");
    return {};
}

}  // namespace

std::string printable(const std::string& text) {
    constexpr size_t kMaxText = 300;
    std::string out = text.substr(0, kMaxText);
    for (char& c : out) {
        if (c < ' ' || c > '~') c = '?';
    }
    return out;
}

namespace {

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

Result<std::shared_ptr<grpc::ServerCredentials>> server_credentials(const TlsIdentity& identity,
                                                                    const std::string& chain_id) {
    ASSAY_RETURN_IF_ERROR(require_tls_1_3());
    grpc::experimental::TlsServerCredentialsOptions options(provider_of(identity));
    set_common(options, chain_id);
    options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_BUT_DONT_VERIFY);
    return grpc::experimental::TlsServerCredentials(options);
}

Result<std::shared_ptr<grpc::ChannelCredentials>> channel_credentials(const TlsIdentity& identity,
                                                                      const std::string& chain_id) {
    ASSAY_RETURN_IF_ERROR(require_tls_1_3());
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
    return fail(code, what + ": " + printable(status.error_message()));
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
        case Code::kCorrupt:
        case Code::kIo:
            return {grpc::StatusCode::DATA_LOSS, "this node's copy is damaged or unreadable"};
        default:
            return {code, "internal error: " + std::string(code_name(error.code))};
    }
    return {code, error.message};
}

}  // namespace assay::node
