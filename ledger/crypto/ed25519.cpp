#include "ledger/crypto/ed25519.h"

#include <cryptopp/xed25519.h>

#include <algorithm>

#include "ledger/crypto/hash.h"
#include "ledger/crypto/keys.h"

namespace assay::ledger {

Ed25519Key ed25519_from_seed(const std::array<uint8_t, 32>& seed) {
    Ed25519Key key;
    key.seed = seed;
    const CryptoPP::ed25519PrivateKey derived = [&] {
        CryptoPP::ed25519Signer signer(seed.data());
        return dynamic_cast<const CryptoPP::ed25519PrivateKey&>(signer.GetPrivateKey());
    }();
    std::copy_n(derived.GetPublicKeyBytePtr(), key.public_key.size(), key.public_key.begin());
    return key;
}

Result<Ed25519Key> new_ed25519_key() {
    std::array<uint8_t, 32> seed{};
    if (!system_random(seed.data(), seed.size()))
        return fail(Code::kUnavailable, "the system gives no random bytes");
    return ed25519_from_seed(seed);
}

std::array<uint8_t, 64> ed25519_sign(const Ed25519Key& key, ByteView message) {
    const CryptoPP::ed25519Signer signer(key.public_key.data(), key.seed.data());
    std::array<uint8_t, 64> signature{};
    signer.SignMessage(CryptoPP::NullRNG(), message.data(), message.size(), signature.data());
    return signature;
}

bool ed25519_verify(ByteView public_key, ByteView message, ByteView signature) {
    if (public_key.size() != 32 || signature.size() != 64) return false;
    const CryptoPP::ed25519Verifier verifier(public_key.data());
    return verifier.VerifyMessage(message.data(), message.size(), signature.data(),
                                  signature.size());
}

std::array<uint8_t, 20> ed25519_address(ByteView public_key) {
    const Hash256 hash = sha256(public_key);
    std::array<uint8_t, 20> address{};
    std::copy_n(hash.bytes.begin(), address.size(), address.begin());
    return address;
}

}  // namespace assay::ledger
