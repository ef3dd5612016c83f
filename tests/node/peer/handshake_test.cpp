// Who may connect: TLS 1.3 only, a certificate on both sides, both bound to this chain.
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/node/peer/crafted.h"
#include "tests/node/peer/peer_fixture.h"

namespace assay::node {
namespace {

using testing::craft;
using testing::Crafted;
using testing::identity_of;
using testing::kChain;
using testing::key_of;

class HandshakeTest : public testing::PeerFixture {};

int connect_to(uint16_t port) {
    const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return socket;
}

struct Outcome {
    bool connected = false;  // the client's half of the handshake
    bool answered = false;   // the server spoke HTTP/2
    std::string version;
    int reason = 0;  // OpenSSL's, of the first failure
};

// A plain OpenSSL client with or without a certificate, up to a TLS version.
Outcome handshake(uint16_t port, const TlsIdentity* identity, int max_version) {
    Outcome outcome;
    SSL_CTX* context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_clear_options(context, SSL_OP_NO_TLSv1_2);
    SSL_CTX_set_max_proto_version(context, max_version);
    const unsigned char alpn[] = {2, 'h', '2'};
    SSL_CTX_set_alpn_protos(context, alpn, sizeof alpn);
    if (identity) {
        BIO* text = BIO_new_mem_buf(identity->certificate_pem.data(), -1);
        X509* certificate = PEM_read_bio_X509(text, nullptr, nullptr, nullptr);
        BIO* key_text = BIO_new_mem_buf(identity->key_pem.data(), -1);
        EVP_PKEY* key = PEM_read_bio_PrivateKey(key_text, nullptr, nullptr, nullptr);
        EXPECT_EQ(SSL_CTX_use_certificate(context, certificate), 1);
        EXPECT_EQ(SSL_CTX_use_PrivateKey(context, key), 1);
        X509_free(certificate);
        EVP_PKEY_free(key);
        BIO_free(text);
        BIO_free(key_text);
    }
    SSL* ssl = SSL_new(context);
    const int socket = connect_to(port);
    SSL_set_fd(ssl, socket);
    ERR_clear_error();
    outcome.connected = SSL_connect(ssl) == 1;
    if (outcome.connected) {
        outcome.version = SSL_get_version(ssl);
        char byte = 0;
        outcome.answered = SSL_read(ssl, &byte, 1) == 1;  // the server's SETTINGS frame
    }
    outcome.reason = ERR_GET_REASON(ERR_peek_error());
    SSL_free(ssl);
    SSL_CTX_free(context);
    ::close(socket);
    return outcome;
}

TEST_F(HandshakeTest, tls_1_3_with_a_certificate_is_answered) {
    const auto server = serve();
    const auto identity = identity_of(2);
    const auto outcome = handshake(server->port(), &identity, TLS1_3_VERSION);
    EXPECT_TRUE(outcome.connected);
    EXPECT_TRUE(outcome.answered);
    EXPECT_EQ(outcome.version, "TLSv1.3");
}

TEST_F(HandshakeTest, tls_1_2_is_refused) {
    const auto server = serve();
    const auto identity = identity_of(2);
    const auto outcome = handshake(server->port(), &identity, TLS1_2_VERSION);
    EXPECT_FALSE(outcome.connected);
    EXPECT_EQ(outcome.reason, SSL_R_UNEXPECTED_EOF_WHILE_READING);  // the server hung up
}

TEST_F(HandshakeTest, a_client_without_a_certificate_is_refused) {
    const auto server = serve();
    const auto outcome = handshake(server->port(), nullptr, TLS1_3_VERSION);
    EXPECT_FALSE(outcome.answered);
    EXPECT_EQ(outcome.reason, SSL_R_UNEXPECTED_EOF_WHILE_READING);
}

// The client's half of a TLS 1.3 handshake ends before the server looks at its certificate.
TEST_F(HandshakeTest, a_client_certificate_that_is_not_of_this_chain_is_refused_by_the_server) {
    const auto server = serve();
    const auto key = key_of(2);
    Crafted crafted{.signer = key, .chain_id = "other-chain", .named = key.address()};
    const auto other_chain = craft(crafted);
    crafted.chain_id = kChain;
    crafted.named = key_of(3).address();
    const auto other_key = craft(crafted);
    crafted.with_uri = false;
    const auto unbound = craft(crafted);
    for (const auto* identity : {&other_chain, &other_key, &unbound}) {
        EXPECT_FALSE(handshake(server->port(), identity, TLS1_3_VERSION).answered);
        const auto status = client(*server, *identity)->status();
        ASSERT_FALSE(status.ok());
        EXPECT_EQ(status.error().code, Code::kUnavailable);
        EXPECT_NE(status.error().message.find(endpoint(*server)), std::string::npos);
        EXPECT_FALSE(client(*server, *identity)->relay(view_of("tx")).ok());
    }
    EXPECT_TRUE(engine_.submitted().empty());
}

TEST_F(HandshakeTest, a_server_certificate_that_is_not_of_this_chain_is_refused_by_the_client) {
    const auto key = key_of(1);
    Crafted crafted{.signer = key, .chain_id = "other-chain", .named = key.address()};
    const auto other_chain = craft(crafted);
    crafted.chain_id = kChain;
    crafted.named = key_of(3).address();
    const auto other_key = craft(crafted);
    for (const auto* identity : {&other_chain, &other_key}) {
        PeerServerConfig config;
        config.identity = *identity;
        const auto server = serve(config);
        const auto relayed = client(*server)->relay(view_of("tx"));
        ASSERT_FALSE(relayed.ok());
        EXPECT_EQ(relayed.error().code, Code::kUnavailable);
    }
    EXPECT_TRUE(engine_.submitted().empty());
}

TEST_F(HandshakeTest, the_client_speaks_no_tls_1_2_either) {
    const testing::SilentPort listener;
    const auto identity = identity_of(1);
    std::atomic<int> reason{0};
    std::atomic<bool> accepted{false};
    std::thread server([&] {
        const int socket = ::accept(listener.socket(), nullptr, nullptr);
        SSL_CTX* context = SSL_CTX_new(TLS_server_method());
        SSL_CTX_clear_options(context, SSL_OP_NO_TLSv1_2);
        SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
        BIO* text = BIO_new_mem_buf(identity.certificate_pem.data(), -1);
        X509* certificate = PEM_read_bio_X509(text, nullptr, nullptr, nullptr);
        BIO* key_text = BIO_new_mem_buf(identity.key_pem.data(), -1);
        EVP_PKEY* key = PEM_read_bio_PrivateKey(key_text, nullptr, nullptr, nullptr);
        SSL_CTX_use_certificate(context, certificate);
        SSL_CTX_use_PrivateKey(context, key);
        SSL* ssl = SSL_new(context);
        SSL_set_fd(ssl, socket);
        ERR_clear_error();
        accepted = SSL_accept(ssl) == 1;
        reason = ERR_GET_REASON(ERR_peek_error());
        SSL_free(ssl);
        SSL_CTX_free(context);
        X509_free(certificate);
        EVP_PKEY_free(key);
        BIO_free(text);
        BIO_free(key_text);
        ::close(socket);
    });
    PeerClient peer(listener.endpoint(), identity_of(2), kChain);
    EXPECT_EQ(peer.status().error().code, Code::kUnavailable);
    server.join();
    EXPECT_FALSE(accepted);
    EXPECT_EQ(reason, SSL_R_UNSUPPORTED_PROTOCOL);
}

}  // namespace
}  // namespace assay::node
