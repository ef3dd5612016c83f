#include "node/peer/certificate.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <memory>

#include "ledger/crypto/hash.h"

namespace assay::node {
namespace {

constexpr std::string_view kScheme = "assay://";
constexpr long kValidSeconds = 10L * 365 * 24 * 3600;
constexpr long kClockSkewSeconds = 24L * 3600;  // for peers whose clock is behind
constexpr size_t kMaxPemBytes = 16 * 1024;

template <auto Free>
struct Freed {
    template <typename T>
    void operator()(T* pointer) const {
        Free(pointer);
    }
};
using Bio = std::unique_ptr<BIO, Freed<BIO_free_all>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;

Error openssl_error(const char* what) {
    return fail(Code::kInternal, std::string("TLS: ") + what);
}

Result<Bytes> public_key_der(X509* certificate) {
    unsigned char* der = nullptr;
    const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    if (size <= 0) return openssl_error("certificate has no public key");
    Bytes out(der, der + size);
    OPENSSL_free(der);
    return out;
}

Hash256 binding(const std::string& chain_id, ByteView public_key) {
    return ledger::tagged_hash("assay/tls", {view_of(chain_id), public_key});
}

bool add_extension(X509* certificate, int id, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str());
    if (!extension) return false;
    const bool added = X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return added;
}

template <typename Write>
Result<std::string> to_pem(Write write) {
    const Bio bio(BIO_new(BIO_s_mem()));
    if (!bio || write(bio.get()) != 1) return openssl_error("cannot encode PEM");
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    return std::string(data, static_cast<size_t>(size));
}

Result<std::string> subject_uri(X509* certificate) {
    auto* names = static_cast<GENERAL_NAMES*>(
        X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
    std::string uri;
    for (int i = 0; names && i < sk_GENERAL_NAME_num(names); ++i) {
        const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
        if (name->type != GEN_URI) continue;
        const auto* text = name->d.uniformResourceIdentifier;
        uri.assign(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                   static_cast<size_t>(ASN1_STRING_length(text)));
        break;
    }
    GENERAL_NAMES_free(names);
    if (!uri.starts_with(kScheme)) {
        return fail(Code::kUnauthorized, "the peer's certificate names no ledger address");
    }
    return uri.substr(kScheme.size());
}

}  // namespace

Result<TlsIdentity> make_tls_identity(const ledger::PrivateKey& key, const std::string& chain_id) {
    const Key tls_key(EVP_EC_gen("P-256"));
    const Certificate certificate(X509_new());
    if (!tls_key || !certificate) return openssl_error("cannot make a key");
    X509_set_version(certificate.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -kClockSkewSeconds);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), kValidSeconds);
    X509_set_pubkey(certificate.get(), tls_key.get());
    X509_NAME* name = X509_get_subject_name(certificate.get());
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(kPeerTlsName), -1, -1, 0);
    X509_set_issuer_name(certificate.get(), name);
    ASSAY_ASSIGN(const auto public_key, public_key_der(certificate.get()));
    const auto signature = ledger::sign_recoverable(binding(chain_id, public_key), key);
    const auto names = "URI:" + std::string(kScheme) + to_hex(key.address().view()) + "/" +
                       to_hex(signature) + ",DNS:" + kPeerTlsName;
    if (!add_extension(certificate.get(), NID_subject_alt_name, names) ||
        X509_sign(certificate.get(), tls_key.get(), EVP_sha256()) == 0) {
        return openssl_error("cannot sign the certificate");
    }
    TlsIdentity identity;
    ASSAY_ASSIGN(identity.certificate_pem,
                 to_pem([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate.get()); }));
    ASSAY_ASSIGN(identity.key_pem, to_pem([&](BIO* bio) {
                     return PEM_write_bio_PrivateKey(bio, tls_key.get(), nullptr, nullptr, 0,
                                                     nullptr, nullptr);
                 }));
    return identity;
}

Result<ledger::Address> verify_peer_certificate(std::string_view pem, const std::string& chain_id) {
    if (pem.empty() || pem.size() > kMaxPemBytes) {
        return fail(Code::kUnauthorized, "the peer sent no certificate, or one over 16 KiB");
    }
    const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    const Certificate certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (!certificate) return fail(Code::kUnauthorized, "the peer's certificate does not parse");
    if (X509_cmp_current_time(X509_get0_notBefore(certificate.get())) >= 0 ||
        X509_cmp_current_time(X509_get0_notAfter(certificate.get())) <= 0) {
        return fail(Code::kUnauthorized,
                    "the peer's certificate is not valid at this time. Remedy: set both clocks, "
                    "restart the peer");
    }
    ASSAY_ASSIGN(const auto uri, subject_uri(certificate.get()));
    const auto slash = uri.find('/');
    const auto raw_address = from_hex(uri.substr(0, slash));
    const auto signature =
        slash == std::string::npos ? std::nullopt : from_hex(uri.substr(slash + 1));
    const auto address = raw_address ? ledger::Address::from(*raw_address) : std::nullopt;
    if (!address || !signature) {
        return fail(Code::kUnauthorized, "the peer's certificate carries no ledger signature");
    }
    ASSAY_ASSIGN(const auto public_key, public_key_der(certificate.get()));
    const auto signer = ledger::recover(binding(chain_id, public_key), *signature);
    if (!signer || *signer != *address) {
        return fail(Code::kUnauthorized,
                    "the peer's certificate is not signed by the ledger key it names, or is for "
                    "another chain than " +
                        chain_id);
    }
    return *address;
}

}  // namespace assay::node
