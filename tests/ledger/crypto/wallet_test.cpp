// BIP-39 and BIP-32 against their published vectors (tests/vectors/crypto).
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "ledger/crypto/bip32.h"
#include "ledger/crypto/bip39.h"

namespace assay::ledger {
namespace {

using nlohmann::json;

json vectors(const char* name) {
    std::ifstream in(std::string(ASSAY_SOURCE_DIR) + "/tests/vectors/crypto/" + name);
    return json::parse(in);
}

TEST(Bip39, PublishedVectors) {
    const auto cases = vectors("bip39.json");
    ASSERT_EQ(cases.size(), 24u);
    for (const auto& item : cases) {
        const auto entropy = *from_hex(item.at("entropy").get<std::string>());
        const auto words = item.at("mnemonic").get<std::string>();
        EXPECT_EQ(*mnemonic_from_entropy(entropy), words);
        EXPECT_EQ(*entropy_from_mnemonic(words), entropy);
        const auto seed = seed_from_mnemonic(words, "TREZOR");
        ASSERT_TRUE(seed.ok());
        EXPECT_EQ(to_hex(*seed), item.at("seed").get<std::string>());
        EXPECT_EQ(serialise_private(*master_key(*seed)), item.at("xprv").get<std::string>());
    }
}

TEST(Bip39, MistakesAreNamed) {
    const std::string good = *mnemonic_from_entropy(Bytes(16, 0));
    const auto message = [](const std::string& text) {
        const auto entropy = entropy_from_mnemonic(text);
        return entropy.ok() ? std::string("ok") : entropy.error().message;
    };
    EXPECT_NE(message(good + " abandon").find("not 13"), std::string::npos);
    EXPECT_NE(message("zzz" + good.substr(7)).find("word 1, 'zzz'"), std::string::npos);
    EXPECT_NE(message("about" + good.substr(7)).find("checksum"), std::string::npos);
    EXPECT_FALSE(mnemonic_from_entropy(Bytes(17, 0)).ok());
    EXPECT_FALSE(seed_from_mnemonic(good, "pässword").ok());
}

TEST(Bip32, PublishedVectors) {
    const auto document = vectors("bip32.json");
    ASSERT_EQ(document.at("valid").size(), 4u);
    for (const auto& item : document.at("valid")) {
        const auto master = master_key(*from_hex(item.at("seed").get<std::string>()));
        ASSERT_TRUE(master.ok());
        for (const auto& chain : item.at("chains")) {
            const auto path = chain.at("path").get<std::string>();
            const auto key = derive_path(*master, path);
            ASSERT_TRUE(key.ok()) << path;
            if (chain.contains("xprv")) {
                EXPECT_EQ(serialise_private(*key), chain.at("xprv").get<std::string>()) << path;
                EXPECT_EQ(serialise_private(*parse_private(chain.at("xprv").get<std::string>())),
                          chain.at("xprv").get<std::string>());
            }
            if (chain.contains("xpub")) {
                EXPECT_EQ(serialise_public(*key), chain.at("xpub").get<std::string>()) << path;
                EXPECT_TRUE(check_public(chain.at("xpub").get<std::string>()).ok());
            }
        }
    }
}

TEST(Bip32, PublishedInvalidKeysAreRefused) {
    const auto document = vectors("bip32.json");
    ASSERT_EQ(document.at("invalid").size(), 18u);
    for (const auto& item : document.at("invalid")) {
        const auto text = item.get<std::string>();
        EXPECT_FALSE(parse_private(text).ok()) << text;
        EXPECT_FALSE(check_public(text).ok()) << text;
    }
}

TEST(Bip32, PathsAreChecked) {
    const auto master = master_key(Bytes(16, 1));
    for (const char* path : {"", "44'/0", "m/", "m//1", "m/x", "m/2147483648", "m/1''", "m1"}) {
        EXPECT_FALSE(derive_path(*master, path).ok()) << path;
    }
    EXPECT_FALSE(master_key(Bytes(15, 1)).ok());
    EXPECT_EQ(serialise_private(*derive_path(*master, "m/1h/2")),
              serialise_private(*derive_path(*master, "m/1'/2")));
}

}  // namespace
}  // namespace assay::ledger
