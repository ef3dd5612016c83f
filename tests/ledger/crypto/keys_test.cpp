#include "ledger/crypto/keys.h"

#include <gtest/gtest.h>

#include <random>

#include "ledger/crypto/address_text.h"
#include "ledger/crypto/hash.h"

namespace assay::ledger {
namespace {

PrivateKey key_of(uint8_t last_byte) {
    std::array<uint8_t, 32> secret{};
    secret[31] = last_byte;
    return std::move(PrivateKey::from_bytes(secret)).value();
}

Hash256 digest_of(uint32_t i) {
    Bytes data;
    append_be32(data, i);
    return sha256(data);
}

TEST(Keys, AddressOfKnownKeys) {
    EXPECT_EQ(address_text(key_of(1).address()), "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf");
    EXPECT_EQ(address_text(key_of(2).address()), "0x2B5AD5c4795c026514f8317c7a215E218DcCD6cF");
}

TEST(Keys, RefusesBytesThatAreNoKey) {
    const std::array<uint8_t, 32> zero{};
    EXPECT_FALSE(PrivateKey::from_bytes(zero).ok());
    const auto order =
        *from_hex("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
    EXPECT_FALSE(PrivateKey::from_bytes(order).ok());
    EXPECT_FALSE(PrivateKey::from_bytes(Bytes(31, 1)).ok());
}

TEST(Keys, SignaturesRecoverTheirSigner) {
    for (uint32_t i = 0; i < 500; ++i) {
        const auto key = PrivateKey::generate();
        ASSERT_TRUE(key.ok());
        const auto signature = sign_recoverable(digest_of(i), *key);
        EXPECT_EQ(recover(digest_of(i), signature), key->address());
        EXPECT_EQ(recover_key(digest_of(i), signature), key->public_key());
        EXPECT_EQ(signature, sign_recoverable(digest_of(i), *key));  // deterministic
    }
}

TEST(Keys, HighSIsRefused) {
    const auto key = key_of(7);
    auto signature = sign_recoverable(digest_of(1), key);
    // s' = n - s with the other recovery id is the same message's second signature.
    const auto order =
        *from_hex("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
    int borrow = 0;
    for (size_t i = 32; i-- > 0;) {
        int digit = order[i] - signature[32 + i] - borrow;
        borrow = digit < 0 ? 1 : 0;
        if (digit < 0) digit += 256;
        signature[32 + i] = static_cast<uint8_t>(digit);
    }
    signature[64] ^= 1;
    EXPECT_EQ(recover(digest_of(1), signature), std::nullopt);
}

TEST(Keys, OtherRecoveryIdsAndSizesAreRefused) {
    auto signature = sign_recoverable(digest_of(1), key_of(7));
    for (const int id : {2, 3, 27, 28, 255}) {
        signature[64] = static_cast<uint8_t>(id);
        EXPECT_EQ(recover(digest_of(1), signature), std::nullopt) << id;
    }
    EXPECT_EQ(recover(digest_of(1), ByteView(signature).first(64)), std::nullopt);
}

TEST(Keys, AFlippedBitNeverGivesTheSameSigner) {
    const auto key = key_of(9);
    const auto signature = sign_recoverable(digest_of(3), key);
    for (size_t bit = 0; bit < signature.size() * 8; ++bit) {
        auto changed = signature;
        changed[bit / 8] = static_cast<uint8_t>(changed[bit / 8] ^ 1 << bit % 8);
        EXPECT_NE(recover(digest_of(3), changed), key.address()) << bit;
    }
    for (size_t bit = 0; bit < 256; ++bit) {
        auto digest = digest_of(3);
        digest.bytes[bit / 8] = static_cast<uint8_t>(digest.bytes[bit / 8] ^ 1 << bit % 8);
        EXPECT_NE(recover(digest, signature), key.address()) << bit;
    }
}

}  // namespace
}  // namespace assay::ledger
