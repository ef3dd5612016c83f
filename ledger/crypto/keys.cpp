#include "ledger/crypto/keys.h"

#include <secp256k1.h>
#include <secp256k1_recovery.h>
#include <sys/random.h>

#include <cryptopp/misc.h>

#include "ledger/crypto/hash.h"

namespace assay::ledger {
namespace {

// Immutable after creation, blinded once; the library documents concurrent use as safe.
const secp256k1_context* context() {
    static const secp256k1_context* const shared = [] {
        auto* created = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
        std::array<uint8_t, 32> seed{};
        // Blinding is a defence in depth against timing; without it signing is still correct.
        const bool blinded = system_random(seed.data(), seed.size()) &&
                             secp256k1_context_randomize(created, seed.data()) == 1;
        static_cast<void>(blinded);
        return created;
    }();
    return shared;
}

// Half the group order: a larger s is the other signature of the same message.
constexpr std::array<uint8_t, 32> kHalfOrder = {
    0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0x5d, 0x57, 0x6e, 0x73, 0x57, 0xa4, 0x50, 0x1d, 0xdf, 0xe9, 0x2f, 0x46, 0x68, 0x1b, 0x20, 0xa0};

bool is_low_s(ByteView signature) {
    return std::memcmp(signature.data() + 32, kHalfOrder.data(), kHalfOrder.size()) <= 0;
}

PublicKey serialise(const secp256k1_pubkey& point) {
    PublicKey key;
    size_t size = key.bytes.size();
    secp256k1_ec_pubkey_serialize(context(), key.bytes.data(), &size, &point,
                                  SECP256K1_EC_COMPRESSED);
    return key;
}

Address address_of_point(const secp256k1_pubkey& point) {
    std::array<uint8_t, 65> raw{};
    size_t size = raw.size();
    secp256k1_ec_pubkey_serialize(context(), raw.data(), &size, &point, SECP256K1_EC_UNCOMPRESSED);
    const auto hash = keccak256({raw.data() + 1, 64});
    Address address;
    std::memcpy(address.bytes.data(), hash.bytes.data() + 12, address.bytes.size());
    return address;
}

bool recover_point(const Hash256& digest, ByteView signature, secp256k1_pubkey& point) {
    if (signature.size() != 65 || signature[64] > 1 || !is_low_s(signature)) return false;
    secp256k1_ecdsa_recoverable_signature parsed;
    return secp256k1_ecdsa_recoverable_signature_parse_compact(context(), &parsed, signature.data(),
                                                               signature[64]) == 1 &&
           secp256k1_ecdsa_recover(context(), &point, &parsed, digest.bytes.data()) == 1;
}

}  // namespace

bool system_random(uint8_t* out, size_t size) {
    return size <= 256 && ::getrandom(out, size, 0) == static_cast<ssize_t>(size);
}

Address address_of(const PublicKey& key) {
    secp256k1_pubkey point;
    if (secp256k1_ec_pubkey_parse(context(), &point, key.bytes.data(), key.bytes.size()) != 1) {
        return {};
    }
    return address_of_point(point);
}

Result<PrivateKey> PrivateKey::from_bytes(ByteView secret) {
    if (secret.size() != 32 || secp256k1_ec_seckey_verify(context(), secret.data()) != 1) {
        return fail(Code::kInvalidArgument,
                    "a private key is 32 bytes, not zero and below the order of secp256k1");
    }
    PrivateKey key;
    std::memcpy(key.secret_.data(), secret.data(), key.secret_.size());
    return key;
}

Result<PrivateKey> PrivateKey::generate(const RandomSource& random) {
    // A random 32-byte string is no valid key once in 2^128 draws; the loop is for a broken source.
    for (int attempt = 0; attempt < 8; ++attempt) {
        PrivateKey key;
        if (!random(key.secret_.data(), key.secret_.size())) break;
        if (secp256k1_ec_seckey_verify(context(), key.secret_.data()) == 1) return key;
    }
    return fail(Code::kIo, "the operating system gave no usable random bytes");
}

PrivateKey::~PrivateKey() {
    wipe();
}

PrivateKey::PrivateKey(PrivateKey&& other) noexcept : secret_(other.secret_) {
    other.wipe();
}

PrivateKey& PrivateKey::operator=(PrivateKey&& other) noexcept {
    if (this != &other) {
        secret_ = other.secret_;
        other.wipe();
    }
    return *this;
}

void PrivateKey::wipe() {
    CryptoPP::SecureWipeArray(secret_.data(), secret_.size());
}

PrivateKey PrivateKey::clone() const {
    PrivateKey copy;
    copy.secret_ = secret_;
    return copy;
}

PublicKey PrivateKey::public_key() const {
    secp256k1_pubkey point;
    if (secp256k1_ec_pubkey_create(context(), &point, secret_.data()) != 1) return {};
    return serialise(point);
}

Address PrivateKey::address() const {
    return address_of(public_key());
}

Signature sign_recoverable(const Hash256& digest, const PrivateKey& key) {
    Signature out{};
    secp256k1_ecdsa_recoverable_signature signature;
    int recovery_id = 0;
    // Fails only for an invalid key, which PrivateKey cannot hold.
    if (secp256k1_ecdsa_sign_recoverable(context(), &signature, digest.bytes.data(),
                                         key.secret().data(), nullptr, nullptr) == 1) {
        secp256k1_ecdsa_recoverable_signature_serialize_compact(context(), out.data(), &recovery_id,
                                                                &signature);
        out[64] = static_cast<uint8_t>(recovery_id);
    }
    return out;
}

std::optional<Address> recover(const Hash256& digest, ByteView signature) {
    secp256k1_pubkey point;
    if (!recover_point(digest, signature, point)) return std::nullopt;
    return address_of_point(point);
}

std::optional<PublicKey> recover_key(const Hash256& digest, ByteView signature) {
    secp256k1_pubkey point;
    if (!recover_point(digest, signature, point)) return std::nullopt;
    return serialise(point);
}

}  // namespace assay::ledger
