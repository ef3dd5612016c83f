#include "ledger/crypto/keystore.h"

#include <cryptopp/aes.h>
#include <cryptopp/hmac.h>
#include <cryptopp/modes.h>
#include <cryptopp/pwdbased.h>
#include <cryptopp/scrypt.h>
#include <cryptopp/secblock.h>
#include <cryptopp/sha.h>

#include <nlohmann/json.hpp>

#include "ledger/crypto/hash.h"

namespace assay::ledger {
namespace {

using nlohmann::json;
using Secret = CryptoPP::SecByteBlock;

constexpr size_t kDerivedBytes = 32;
constexpr uint64_t kMaxScryptMemory = uint64_t{1} << 30;
constexpr uint64_t kMaxScryptWork = uint64_t{1} << 26;  // n * r * p
constexpr uint64_t kMaxPbkdf2Rounds = 20'000'000;

Error malformed(const std::string& what) {
    return fail(Code::kCorrupt, "keystore: " + what + ". Remedy: restore the file from a backup");
}

Result<Bytes> hex_member(const json& object, const char* name, size_t max_bytes) {
    const auto it = object.find(name);
    if (it == object.end() || !it->is_string()) return malformed(std::string(name) + " is missing");
    const auto bytes = from_hex(it->get<std::string>());
    if (!bytes || bytes->size() > max_bytes) {
        return malformed(std::string(name) + " is not hexadecimal or too long");
    }
    return *bytes;
}

Result<uint64_t> number_member(const json& object, const char* name) {
    const auto it = object.find(name);
    if (it == object.end() || !it->is_number_unsigned()) {
        return malformed(std::string(name) + " is missing or no positive integer");
    }
    return it->get<uint64_t>();
}

Result<Bytes> cipher_iv(const json& crypto) {
    const auto it = crypto.find("cipherparams");
    if (it == crypto.end() || !it->is_object()) return malformed("cipherparams is missing");
    return hex_member(*it, "iv", 16);
}

// The text of a member, empty when it is missing or of another type.
std::string text_member(const json& object, const char* name) {
    const auto it = object.find(name);
    return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

Result<Secret> derive_scrypt(const json& params, std::string_view passphrase, const Bytes& salt) {
    ASSAY_ASSIGN(const auto n, number_member(params, "n"));
    ASSAY_ASSIGN(const auto r, number_member(params, "r"));
    ASSAY_ASSIGN(const auto p, number_member(params, "p"));
    if (n < 2 || (n & (n - 1)) != 0 || r == 0 || p == 0)
        return malformed("scrypt n, r or p is invalid");
    if (n > (1u << 24) || r > 1024 || p > 1024 || 128 * n * r > kMaxScryptMemory ||
        n * r * p > kMaxScryptWork) {
        return fail(Code::kLimit, "keystore: scrypt n=" + std::to_string(n) +
                                      " r=" + std::to_string(r) + " p=" + std::to_string(p) +
                                      " needs more than 1 GiB or too long");
    }
    Secret derived(kDerivedBytes);
    CryptoPP::Scrypt().DeriveKey(derived, derived.size(),
                                 reinterpret_cast<const CryptoPP::byte*>(passphrase.data()),
                                 passphrase.size(), salt.data(), salt.size(), n, r, p);
    return derived;
}

Result<Secret> derive_pbkdf2(const json& params, std::string_view passphrase, const Bytes& salt) {
    ASSAY_ASSIGN(const auto rounds, number_member(params, "c"));
    if (rounds == 0 || rounds > kMaxPbkdf2Rounds) {
        return fail(Code::kLimit,
                    "keystore: pbkdf2 c=" + std::to_string(rounds) + " is out of 1..20000000");
    }
    if (text_member(params, "prf") != "hmac-sha256")
        return malformed("pbkdf2 prf must be hmac-sha256");
    Secret derived(kDerivedBytes);
    CryptoPP::PKCS5_PBKDF2_HMAC<CryptoPP::SHA256>().DeriveKey(
        derived, derived.size(), 0, reinterpret_cast<const CryptoPP::byte*>(passphrase.data()),
        passphrase.size(), salt.data(), salt.size(), static_cast<unsigned>(rounds));
    return derived;
}

Result<Secret> derive(const json& crypto, std::string_view passphrase) {
    const auto params = crypto.find("kdfparams");
    if (params == crypto.end() || !params->is_object()) return malformed("kdfparams is missing");
    ASSAY_ASSIGN(const auto length, number_member(*params, "dklen"));
    if (length != kDerivedBytes) return malformed("dklen must be 32");
    ASSAY_ASSIGN(const auto salt, hex_member(*params, "salt", 1024));
    const auto kdf = text_member(crypto, "kdf");
    if (kdf == "scrypt") return derive_scrypt(*params, passphrase, salt);
    if (kdf == "pbkdf2") return derive_pbkdf2(*params, passphrase, salt);
    return malformed("kdf must be scrypt or pbkdf2");
}

// The second half of the derived key authenticates the ciphertext.
Hash256 mac_of(const Secret& derived, ByteView ciphertext) {
    Bytes input(derived.begin() + 16, derived.end());
    append(input, ciphertext);
    return keccak256(input);
}

void aes_ctr(const Secret& derived, ByteView iv, ByteView in, uint8_t* out) {
    CryptoPP::CTR_Mode<CryptoPP::AES>::Encryption cipher(derived, 16, iv.data());
    cipher.ProcessData(out, in.data(), in.size());
}

// 16 random bytes as a version 4 UUID.
std::string uuid_text(std::array<uint8_t, 16> bytes) {
    bytes[6] = static_cast<uint8_t>((bytes[6] & 0x0f) | 0x40);
    bytes[8] = static_cast<uint8_t>((bytes[8] & 0x3f) | 0x80);
    auto text = to_hex(bytes);
    for (const size_t position : {20u, 16u, 12u, 8u}) text.insert(position, "-");
    return text;
}

Result<json> parse(std::string_view text) {
    if (text.size() > kMaxKeystoreBytes) return fail(Code::kLimit, "keystore: larger than 64 KiB");
    auto document = json::parse(text, nullptr, false);
    if (!document.is_object()) return malformed("not a JSON object");
    // Old writers spell it "Crypto".
    if (!document.contains("crypto") && document.contains("Crypto")) {
        document["crypto"] = document["Crypto"];
    }
    if (!document.contains("crypto") || !document["crypto"].is_object()) {
        return malformed("crypto is missing");
    }
    if (!document.contains("version") || document["version"] != 3)
        return malformed("version must be 3");
    return document;
}

}  // namespace

Result<std::string> encrypt_key(const PrivateKey& key, std::string_view passphrase,
                                const ScryptCost& cost, const RandomSource& random) {
    std::array<uint8_t, 32> salt{};
    std::array<uint8_t, 16> iv{};
    std::array<uint8_t, 16> id{};
    if (!random(salt.data(), salt.size()) || !random(iv.data(), iv.size()) ||
        !random(id.data(), id.size())) {
        return fail(Code::kIo, "the operating system gave no random bytes");
    }
    json crypto = {{"cipher", "aes-128-ctr"},
                   {"cipherparams", {{"iv", to_hex(iv)}}},
                   {"kdf", "scrypt"},
                   {"kdfparams",
                    {{"dklen", kDerivedBytes},
                     {"n", cost.n},
                     {"r", cost.r},
                     {"p", cost.p},
                     {"salt", to_hex(salt)}}}};
    ASSAY_ASSIGN(const auto derived, derive(crypto, passphrase));
    std::array<uint8_t, 32> ciphertext{};
    aes_ctr(derived, iv, key.secret(), ciphertext.data());
    crypto["ciphertext"] = to_hex(ciphertext);
    crypto["mac"] = to_hex(mac_of(derived, ciphertext));
    return json{{"address", to_hex(key.address().view())},
                {"crypto", crypto},
                {"id", uuid_text(id)},
                {"version", 3}}
        .dump(2);
}

Result<PrivateKey> decrypt_key(std::string_view json_text, std::string_view passphrase) {
    ASSAY_ASSIGN(const auto document, parse(json_text));
    const auto& crypto = document["crypto"];
    if (text_member(crypto, "cipher") != "aes-128-ctr")
        return malformed("cipher must be aes-128-ctr");
    ASSAY_ASSIGN(const auto ciphertext, hex_member(crypto, "ciphertext", 32));
    ASSAY_ASSIGN(const auto mac, hex_member(crypto, "mac", 32));
    ASSAY_ASSIGN(const auto iv, cipher_iv(crypto));
    if (iv.size() != 16 || ciphertext.size() != 32)
        return malformed("iv or ciphertext has a wrong size");
    ASSAY_ASSIGN(const auto derived, derive(crypto, passphrase));
    if (!equal_constant_time(mac_of(derived, ciphertext).view(), mac)) {
        return fail(Code::kUnauthorized, "wrong passphrase, or the keystore file is damaged");
    }
    Secret secret(ciphertext.size());
    aes_ctr(derived, iv, ciphertext, secret);
    return PrivateKey::from_bytes({secret.data(), secret.size()});
}

Result<Address> keystore_address(std::string_view json_text) {
    ASSAY_ASSIGN(const auto document, parse(json_text));
    ASSAY_ASSIGN(const auto raw, hex_member(document, "address", 20));
    const auto address = Address::from(raw);
    if (!address) return malformed("address has a wrong size");
    return *address;
}

}  // namespace assay::ledger
