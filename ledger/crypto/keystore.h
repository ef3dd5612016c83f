// Web3 secret storage, version 3: a private key encrypted under a passphrase, as JSON text.
//
// Reads scrypt and pbkdf2 files, writes scrypt. Pure functions; thread-safe. Errors: kUnauthorized
// for a wrong passphrase (or a file damaged in its ciphertext: the check cannot tell them apart),
// kCorrupt for a malformed file, kLimit for cost parameters that would take more memory or time
// than a key is worth.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "ledger/crypto/keys.h"

namespace assay::ledger {

struct ScryptCost {
    uint32_t n = 1 << 17, r = 8, p = 1;  // memory: 128 * n * r bytes
};
inline constexpr ScryptCost kStandardCost{};
inline constexpr ScryptCost kLightCost{1 << 12, 8,
                                       6};  // test networks, whose keys are worth nothing

inline constexpr size_t kMaxKeystoreBytes = 64 * 1024;

Result<std::string> encrypt_key(const PrivateKey& key, std::string_view passphrase,
                                const ScryptCost& cost, const RandomSource& random = system_random);
Result<PrivateKey> decrypt_key(std::string_view json_text, std::string_view passphrase);
// The address a keystore file claims, readable without the passphrase.
Result<Address> keystore_address(std::string_view json_text);

}  // namespace assay::ledger
