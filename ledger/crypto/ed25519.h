// Ed25519 keys of CometBFT: validators' consensus keys and nodes' identities. Accounts use
// secp256k1 (keys.h).
//
// Plain functions; thread-safe. Errors: kUnavailable when the system gives no randomness; verify
// only says no.
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"
#include "base/result.h"

namespace assay::ledger {

using Ed25519Public = std::array<uint8_t, 32>;

struct Ed25519Key {
    std::array<uint8_t, 32> seed{};
    Ed25519Public public_key{};
};

Result<Ed25519Key> new_ed25519_key();
[[nodiscard]] Ed25519Key ed25519_from_seed(const std::array<uint8_t, 32>& seed);
[[nodiscard]] std::array<uint8_t, 64> ed25519_sign(const Ed25519Key& key, ByteView message);
[[nodiscard]] bool ed25519_verify(ByteView public_key, ByteView message, ByteView signature);
// CometBFT's address of a key: the first 20 bytes of its SHA-256.
[[nodiscard]] std::array<uint8_t, 20> ed25519_address(ByteView public_key);

}  // namespace assay::ledger
