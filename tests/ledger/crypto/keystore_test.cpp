#include "ledger/crypto/keystore.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace assay::ledger {
namespace {

using nlohmann::json;

constexpr std::string_view kSecret =
    "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d";

// The two test vectors of the Web3 Secret Storage Definition.
const json kPbkdf2 = json::parse(
    R"({"crypto":{"cipher":"aes-128-ctr","cipherparams":{"iv":"6087dab2f9fdbbfaddc31a909735c1e6"},"ciphertext":"5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46","kdf":"pbkdf2","kdfparams":{"c":262144,"dklen":32,"prf":"hmac-sha256","salt":"ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd"},"mac":"517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2"},"id":"3198bc9c-6672-5ab3-d995-4942343ae5b6","version":3})");
const json kScrypt = json::parse(
    R"({"crypto":{"cipher":"aes-128-ctr","cipherparams":{"iv":"83dbcc02d8ccb40e466191a123791e0e"},"ciphertext":"d172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c","kdf":"scrypt","kdfparams":{"dklen":32,"n":262144,"p":8,"r":1,"salt":"ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19"},"mac":"2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097"},"id":"3198bc9c-6672-5ab3-d995-4942343ae5b6","version":3})");

Code code_of(const json& document, std::string_view passphrase = "testpassword") {
    const auto key = decrypt_key(document.dump(), passphrase);
    return key.ok() ? Code::kOk : key.error().code;
}

TEST(Keystore, PublishedVectors) {
    for (const auto* document : {&kPbkdf2, &kScrypt}) {
        const auto key = decrypt_key(document->dump(), "testpassword");
        ASSERT_TRUE(key.ok()) << key.error().message;
        EXPECT_EQ(to_hex(key->secret()), kSecret);
        EXPECT_EQ(code_of(*document, "Testpassword"), Code::kUnauthorized);
    }
}

TEST(Keystore, RoundTripHidesTheKey) {
    const auto key = PrivateKey::from_bytes(*from_hex(kSecret));
    const auto text = encrypt_key(*key, "a passphrase", kLightCost);
    ASSERT_TRUE(text.ok());
    EXPECT_EQ(text->find(kSecret), std::string::npos);
    EXPECT_EQ(*keystore_address(*text), key->address());
    EXPECT_EQ(to_hex(decrypt_key(*text, "a passphrase")->secret()), kSecret);
    EXPECT_EQ(decrypt_key(*text, "").error().code, Code::kUnauthorized);
    const auto again = encrypt_key(*key, "a passphrase", kLightCost);
    EXPECT_NE(*text, *again);  // fresh salt and iv
}

TEST(Keystore, MalformedFilesAreNamed) {
    const auto without = [](const char* path) {
        auto document = kPbkdf2;
        document["crypto"].erase(path);
        return document;
    };
    for (const char* member : {"ciphertext", "mac", "kdfparams", "kdf", "cipher", "cipherparams"}) {
        EXPECT_EQ(code_of(without(member)), Code::kCorrupt) << member;
    }
    for (const char* member : {"kdf", "cipher", "cipherparams", "mac", "kdfparams"}) {
        auto document = kPbkdf2;
        document["crypto"][member] = 7;  // of another type
        EXPECT_EQ(code_of(document), Code::kCorrupt) << member;
    }
    auto version = kPbkdf2;
    version["version"] = 4;
    EXPECT_EQ(code_of(version), Code::kCorrupt);
    auto ciphertext = kPbkdf2;
    ciphertext["crypto"]["ciphertext"] = "zz";
    EXPECT_EQ(code_of(ciphertext), Code::kCorrupt);
    EXPECT_EQ(decrypt_key("[]", "x").error().code, Code::kCorrupt);
    EXPECT_EQ(decrypt_key("{", "x").error().code, Code::kCorrupt);
    auto damaged = kPbkdf2;
    damaged["crypto"]["ciphertext"] =
        "5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa47";
    EXPECT_EQ(code_of(damaged), Code::kUnauthorized);
}

TEST(Keystore, HostileCostsAreRefusedBeforeTheyAreSpent) {
    auto scrypt = kScrypt;
    scrypt["crypto"]["kdfparams"]["n"] = 1u << 30;
    EXPECT_EQ(code_of(scrypt), Code::kLimit);
    scrypt["crypto"]["kdfparams"]["n"] = 3;
    EXPECT_EQ(code_of(scrypt), Code::kCorrupt);
    auto pbkdf2 = kPbkdf2;
    pbkdf2["crypto"]["kdfparams"]["c"] = 4'000'000'000u;
    EXPECT_EQ(code_of(pbkdf2), Code::kLimit);
    pbkdf2["crypto"]["kdfparams"]["c"] = -1;
    EXPECT_EQ(code_of(pbkdf2), Code::kCorrupt);
}

}  // namespace
}  // namespace assay::ledger
