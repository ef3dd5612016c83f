#include "ledger/crypto/hash.h"

#include <gtest/gtest.h>

#include "compute/hash/sha256.h"
#include "ledger/crypto/address_text.h"
#include "ledger/crypto/eip712.h"

namespace assay::ledger {
namespace {

std::string hex(ByteView bytes) {
    return to_hex(bytes);
}

TEST(Hash, KnownAnswers) {
    EXPECT_EQ(to_hex(sha256(view_of("abc"))),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(to_hex(keccak256({})),
              "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
    EXPECT_EQ(to_hex(keccak256(view_of("abc"))),
              "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45");
    EXPECT_EQ(hex(ripemd160(view_of("abc"))), "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc");
}

TEST(Hash, LedgerAndComputeAgreeOnSha256) {
    Bytes data;
    for (int i = 0; i < 300; ++i) {
        EXPECT_EQ(sha256(data), compute::sha256(data)) << i;
        data.push_back(static_cast<uint8_t>(i * 7));
    }
}

TEST(Hash, TaggedHashFramesItsParts) {
    const auto ab = view_of("ab");
    const auto c = view_of("c");
    const auto a = view_of("a");
    const auto bc = view_of("bc");
    EXPECT_NE(tagged_hash("t", {ab, c}), tagged_hash("t", {a, bc}));
    EXPECT_NE(tagged_hash("t", {ab}), tagged_hash("u", {ab}));
    EXPECT_NE(tagged_hash("t", {ab}), tagged_hash("t", {ab, ByteView{}}));
}

TEST(Eip712, PublishedMailExample) {
    // EIP-712's own example: Mail(Person from,Person to,string contents).
    constexpr std::string_view person = "Person(string name,address wallet)";
    constexpr std::string_view mail =
        "Mail(Person from,Person to,string contents)Person(string name,address wallet)";
    constexpr std::string_view domain_type =
        "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)";
    const auto address_slot = [](std::string_view text) {
        Hash256 slot;
        const auto raw = *from_hex(text);
        std::copy(raw.begin(), raw.end(), slot.bytes.begin() + 12);
        return slot;
    };
    const auto person_hash = [&](std::string_view name, std::string_view wallet) {
        Bytes slots;
        append_text_slot(slots, view_of(name));
        append_slot(slots, address_slot(wallet));
        return struct_hash(person, slots);
    };
    Bytes domain;
    append_text_slot(domain, view_of("Ether Mail"));
    append_text_slot(domain, view_of("1"));
    append_slot(domain, uint64_t{1});
    append_slot(domain, address_slot("CcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC"));
    Bytes message;
    append_slot(message, person_hash("Cow", "CD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"));
    append_slot(message, person_hash("Bob", "bBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB"));
    append_text_slot(message, view_of("Hello, Bob!"));
    EXPECT_EQ(
        to_hex(typed_data_digest(struct_hash(domain_type, domain), struct_hash(mail, message))),
        "be609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2");
}

TEST(Eip712, EveryFieldOfATransactionIsBound) {
    const auto base = tx_digest("chain-1", 1, 2, 3, 4, view_of("p"));
    EXPECT_NE(base, tx_digest("chain-2", 1, 2, 3, 4, view_of("p")));
    EXPECT_NE(base, tx_digest("chain-1", 9, 2, 3, 4, view_of("p")));
    EXPECT_NE(base, tx_digest("chain-1", 1, 9, 3, 4, view_of("p")));
    EXPECT_NE(base, tx_digest("chain-1", 1, 2, 9, 4, view_of("p")));
    EXPECT_NE(base, tx_digest("chain-1", 1, 2, 3, 9, view_of("p")));
    EXPECT_NE(base, tx_digest("chain-1", 1, 2, 3, 4, view_of("q")));
}

TEST(AddressText, PublishedChecksums) {
    for (const char* text : {"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
                             "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
                             "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
                             "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
                             "0x52908400098527886E0F7030069857D2E4169EE7",
                             "0xde709f2102306220921060314715629080e2fb77"}) {
        const auto address = parse_address(text);
        ASSERT_TRUE(address.ok()) << text;
        EXPECT_EQ(address_text(*address), text);
    }
}

TEST(AddressText, RefusesTypingMistakes) {
    for (const char* text :
         {"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD",  // case of the last letter
          "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe", "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
          "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeg", ""}) {
        const auto address = parse_address(text);
        ASSERT_FALSE(address.ok()) << text;
        EXPECT_EQ(address.error().code, Code::kInvalidArgument);
    }
    EXPECT_TRUE(parse_address("0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed").ok());
}

}  // namespace
}  // namespace assay::ledger
