#include "ledger/crypto/hash.h"

#include <cryptopp/hmac.h>
#include <cryptopp/keccak.h>
#include <cryptopp/misc.h>
#include <cryptopp/pwdbased.h>
#include <cryptopp/ripemd.h>
#include <cryptopp/sha.h>

namespace assay::ledger {
namespace {

template <typename Function>
Hash256 digest(ByteView data) {
    Hash256 out;
    Function function;
    function.CalculateDigest(out.bytes.data(), data.data(), data.size());
    return out;
}

void update_framed(CryptoPP::SHA256& function, ByteView part) {
    Bytes size;
    append_be64(size, part.size());
    function.Update(size.data(), size.size());
    function.Update(part.data(), part.size());
}

}  // namespace

Hash256 sha256(ByteView data) {
    return digest<CryptoPP::SHA256>(data);
}
Hash256 keccak256(ByteView data) {
    return digest<CryptoPP::Keccak_256>(data);
}

std::array<uint8_t, 20> ripemd160(ByteView data) {
    std::array<uint8_t, 20> out{};
    CryptoPP::RIPEMD160 function;
    function.CalculateDigest(out.data(), data.data(), data.size());
    return out;
}

std::array<uint8_t, 64> hmac_sha512(ByteView key, ByteView data) {
    std::array<uint8_t, 64> out{};
    CryptoPP::HMAC<CryptoPP::SHA512> function(key.data(), key.size());
    function.CalculateDigest(out.data(), data.data(), data.size());
    return out;
}

std::array<uint8_t, 64> pbkdf2_sha512(ByteView password, ByteView salt, uint32_t rounds) {
    std::array<uint8_t, 64> out{};
    CryptoPP::PKCS5_PBKDF2_HMAC<CryptoPP::SHA512> function;
    function.DeriveKey(out.data(), out.size(), 0, password.data(), password.size(), salt.data(),
                       salt.size(), rounds);
    return out;
}

Hash256 tagged_hash(std::string_view tag, std::initializer_list<ByteView> parts) {
    CryptoPP::SHA256 function;
    update_framed(function, view_of(tag));
    for (const auto part : parts) update_framed(function, part);
    Hash256 out;
    function.Final(out.bytes.data());
    return out;
}

bool equal_constant_time(ByteView a, ByteView b) {
    return a.size() == b.size() && CryptoPP::VerifyBufsEqual(a.data(), b.data(), a.size());
}

}  // namespace assay::ledger
