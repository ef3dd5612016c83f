// secp256k1 keys and recoverable ECDSA signatures.
//
// Ownership: a PrivateKey owns 32 secret bytes, wipes them when it goes and cannot be copied or
// printed. Threads: all functions may run at once; the library context is created once and then
// only read. Errors: kInvalidArgument for bytes that are no key; recover gives nullopt for anything
// that is not a low-s signature.
#pragma once

#include <array>
#include <functional>
#include <optional>

#include "base/bytes.h"
#include "base/result.h"
#include "ledger/codec/address.h"

namespace assay::ledger {

using Signature = std::array<uint8_t, 65>;  // r, s (low), recovery id 0 or 1

struct PublicKey {
    std::array<uint8_t, 33> bytes{};  // compressed
    auto operator<=>(const PublicKey&) const = default;
};
[[nodiscard]] Address address_of(const PublicKey& key);

// Fills a buffer with secret random bytes; false when it cannot.
using RandomSource = std::function<bool(uint8_t* out, size_t size)>;
[[nodiscard]] bool system_random(uint8_t* out, size_t size);

class PrivateKey {
public:
    static Result<PrivateKey> from_bytes(ByteView secret);  // 32 bytes, in [1, order)
    static Result<PrivateKey> generate(const RandomSource& random = system_random);
    ~PrivateKey();
    PrivateKey(PrivateKey&& other) noexcept;
    PrivateKey& operator=(PrivateKey&& other) noexcept;
    PrivateKey(const PrivateKey&) = delete;
    PrivateKey& operator=(const PrivateKey&) = delete;

    [[nodiscard]] PublicKey public_key() const;
    [[nodiscard]] Address address() const;
    // For keystores and derivation only.
    [[nodiscard]] ByteView secret() const { return secret_; }
    [[nodiscard]] PrivateKey clone() const;

private:
    PrivateKey() = default;
    void wipe();
    std::array<uint8_t, 32> secret_{};
};

// Deterministic (RFC 6979), low s.
[[nodiscard]] Signature sign_recoverable(const Hash256& digest, const PrivateKey& key);
// The address whose key signed, or nullopt: wrong size, high s, recovery id above 1, no such point.
[[nodiscard]] std::optional<Address> recover(const Hash256& digest, ByteView signature);
[[nodiscard]] std::optional<PublicKey> recover_key(const Hash256& digest, ByteView signature);

}  // namespace assay::ledger
