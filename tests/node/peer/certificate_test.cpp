// Certificates bound to a ledger key: every way in which the binding can be wrong is refused.
#include <gtest/gtest.h>

#include "ledger/crypto/address_text.h"
#include "tests/node/peer/crafted.h"
#include "tests/node/peer/peer_fixture.h"

namespace assay::node {
namespace {

using testing::craft;
using testing::Crafted;
using testing::kChain;
using testing::key_of;

Code refusal(const TlsIdentity& identity, const std::string& words) {
    const auto peer = verify_peer_certificate(identity.certificate_pem, kChain);
    if (peer.ok()) return Code::kOk;
    EXPECT_NE(peer.error().message.find(words), std::string::npos) << peer.error().message;
    return peer.error().code;
}

TEST(certificate, names_the_account_that_made_it) {
    const auto identity = make_tls_identity(key_of(1), kChain);
    ASSERT_TRUE(identity.ok());
    const auto peer = verify_peer_certificate(identity->certificate_pem, kChain);
    ASSERT_TRUE(peer.ok()) << peer.error().message;
    EXPECT_EQ(ledger::address_text(*peer), "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf");
    EXPECT_NE(make_tls_identity(key_of(1), kChain)->key_pem, identity->key_pem);
}

// Made once from key 1 for chain "assay-test"; valid until the year 2226.
TEST(certificate, known_answer) {
    constexpr std::string_view kPem =
        "-----BEGIN CERTIFICATE-----\n"
        "MIIBujCCAV+gAwIBAgIBADAKBggqhkjOPQQDAjAAMCAXDTA2MTEyODA0MjIwMVoY\n"
        "DzIyMjYxMDA2MDQyMjAxWjAAMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE5ZhY\n"
        "a4Hy8VjZuguitjEYCx2vQCWhXqImNyK4FmY4C3LylgiZ1GZsO1PQktbNpHXF04NP\n"
        "F34QxOPNvl8dSHLzwKOBxzCBxDCBwQYDVR0RBIG5MIG2hoGzYXNzYXk6Ly83ZTVm\n"
        "NDU1MjA5MWE2OTEyNWQ1ZGZjYjdiOGMyNjU5MDI5Mzk1YmRmL2Y5ODRmMDNlOWQw\n"
        "NTA2YjRkZGI0NDYwMzllYTUyYWUwMDkwYzFjYjBmYjY3ZGU2MmM3YmQ5YzM1MWFk\n"
        "ZjRmYjU3ZGRjMTQ5OWNiNjQ0ZWI3NThkMDI2ZDhmZDE4ZDY2MWY4OTViMTc3MDBl\n"
        "N2YyYzM0MmU4NmNlNzdiMjg2YmY2MDEwCgYIKoZIzj0EAwIDSQAwRgIhAM8iTKF+\n"
        "j6x1hUsFrptPgFA/4fMmcue8rhWS/Pg35VxEAiEAvVCqebiJg5bNz/RG18dG7SNE\n"
        "SV33TZOdhB6qh5ZOAGg=\n"
        "-----END CERTIFICATE-----\n";
    const auto peer = verify_peer_certificate(kPem, kChain);
    ASSERT_TRUE(peer.ok()) << peer.error().message;
    EXPECT_EQ(ledger::address_text(*peer), "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf");
    EXPECT_EQ(verify_peer_certificate(kPem, "assay-tesu").error().code, Code::kUnauthorized);
}

TEST(certificate, of_another_chain_is_refused) {
    const auto identity = make_tls_identity(key_of(1), "other-chain");
    EXPECT_EQ(refusal(*identity, "another chain than assay-test"), Code::kUnauthorized);
}

TEST(certificate, signed_by_another_key_than_it_names_is_refused) {
    const auto key = key_of(1);
    const Crafted crafted{.signer = key, .chain_id = kChain, .named = key_of(2).address()};
    EXPECT_EQ(refusal(craft(crafted), "not signed by the ledger key it names"),
              Code::kUnauthorized);
}

TEST(certificate, with_a_signature_of_another_certificate_is_refused) {
    const auto key = key_of(1);
    Crafted crafted{.signer = key, .chain_id = kChain, .named = key.address()};
    EXPECT_EQ(refusal(craft(crafted), ""), Code::kOk);
    crafted.foreign_signature = true;
    EXPECT_EQ(refusal(craft(crafted), "not signed by the ledger key it names"),
              Code::kUnauthorized);
}

TEST(certificate, without_or_with_a_malformed_uri_is_refused) {
    const auto key = key_of(1);
    Crafted crafted{.signer = key, .chain_id = kChain, .named = key.address()};
    crafted.with_uri = false;
    EXPECT_EQ(refusal(craft(crafted), "names no ledger address"), Code::kUnauthorized);
    crafted.with_uri = true;
    for (const char* end : {"0", "00", "/", "zz"}) {
        crafted.uri_end = end;
        EXPECT_EQ(refusal(craft(crafted), "certificate"), Code::kUnauthorized) << end;
    }
}

TEST(certificate, out_of_its_time_is_refused) {
    const auto key = key_of(1);
    Crafted crafted{.signer = key, .chain_id = kChain, .named = key.address()};
    crafted.valid_from_s = 600;
    EXPECT_EQ(refusal(craft(crafted), "not valid at this time"), Code::kUnauthorized);
    crafted.valid_from_s = -600;
    crafted.valid_until_s = -300;
    EXPECT_EQ(refusal(craft(crafted), "not valid at this time"), Code::kUnauthorized);
}

TEST(certificate, that_is_none_is_refused) {
    for (const std::string& text :
         {std::string(), std::string("x"), std::string(20'000, 'x'),
          std::string("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")}) {
        EXPECT_EQ(verify_peer_certificate(text, kChain).error().code, Code::kUnauthorized);
    }
}

// Any changed character of the encoding is refused, or changes nothing that is trusted: the account
// stays the same and so does the key (the self-signature is not looked at).
TEST(certificate, changed_anywhere_never_names_another_account) {
    const auto pem = make_tls_identity(key_of(1), kChain)->certificate_pem;
    const auto begin = pem.find('\n') + 1;
    const auto end = pem.rfind("-----END");
    int refused = 0;
    for (size_t i = begin; i < end; ++i) {
        auto changed = pem;
        changed[i] = changed[i] == 'B' ? 'C' : 'B';
        const auto peer = verify_peer_certificate(changed, kChain);
        if (peer.ok()) {
            EXPECT_EQ(*peer, key_of(1).address());
        } else {
            ++refused;
        }
    }
    EXPECT_GT(refused, static_cast<int>((end - begin) / 2));
}

}  // namespace
}  // namespace assay::node
