#include "tests/node/peer/crafted.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdlib>

#include "ledger/crypto/hash.h"

namespace assay::node::testing {
namespace {

void require(bool good) {
    if (!good) std::abort();
}

Bytes public_key_of(X509* certificate) {
    unsigned char* der = nullptr;
    const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    require(size > 0);
    Bytes out(der, der + size);
    OPENSSL_free(der);
    return out;
}

template <typename Write>
std::string pem_of(Write write) {
    BIO* bio = BIO_new(BIO_s_mem());
    require(write(bio) == 1);
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    std::string text(data, static_cast<size_t>(size));
    BIO_free(bio);
    return text;
}

}  // namespace

TlsIdentity craft(const Crafted& crafted) {
    EVP_PKEY* key = EVP_EC_gen("P-256");
    X509* certificate = X509_new();
    require(key != nullptr && certificate != nullptr);
    X509_set_version(certificate, X509_VERSION_3);
    X509_gmtime_adj(X509_getm_notBefore(certificate), crafted.valid_from_s);
    X509_gmtime_adj(X509_getm_notAfter(certificate), crafted.valid_until_s);
    X509_set_pubkey(certificate, key);
    auto signed_key = public_key_of(certificate);
    if (crafted.foreign_signature) signed_key.back() ^= 1;
    const auto digest =
        ledger::tagged_hash("assay/tls", {view_of(crafted.chain_id), ByteView(signed_key)});
    if (crafted.with_uri) {
        const auto uri = "URI:assay://" + to_hex(crafted.named.view()) + "/" +
                         to_hex(ledger::sign_recoverable(digest, crafted.signer)) + crafted.uri_end;
        X509_EXTENSION* extension =
            X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, uri.c_str());
        require(extension != nullptr && X509_add_ext(certificate, extension, -1) == 1);
        X509_EXTENSION_free(extension);
    }
    require(X509_sign(certificate, key, EVP_sha256()) != 0);
    TlsIdentity identity;
    identity.certificate_pem =
        pem_of([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate); });
    identity.key_pem = pem_of([&](BIO* bio) {
        return PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
    });
    X509_free(certificate);
    EVP_PKEY_free(key);
    return identity;
}

}  // namespace assay::node::testing
