// BIP-32 key derivation and BIP-44 account paths.
//
// Ownership: an ExtendedKey owns its secret and wipes it with its PrivateKey. Pure functions;
// thread-safe. Errors: kInvalidArgument for a malformed path or serialised key, naming what is
// wrong.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "ledger/crypto/keys.h"

namespace assay::ledger {

// Not registered with SLIP-44: wallets that ask for a coin type must be told this number.
inline constexpr uint32_t kCoinType = 9741;
inline constexpr uint32_t kHardened = 0x8000'0000;

struct ExtendedKey {
    PrivateKey key;
    std::array<uint8_t, 32> chain_code{};
    uint8_t depth = 0;
    std::array<uint8_t, 4> parent_fingerprint{};
    uint32_t child_number = 0;
};

Result<ExtendedKey> master_key(ByteView seed);  // 16 to 64 bytes
Result<ExtendedKey> derive_child(const ExtendedKey& parent, uint32_t index);
// "m", "m/44'/9741'/0'/0/0"; ' or h marks a hardened step.
Result<ExtendedKey> derive_path(const ExtendedKey& master, std::string_view path);
// m/44'/kCoinType'/0'/0/index
Result<PrivateKey> derive_account(ByteView seed, uint32_t index);

std::string serialise_private(const ExtendedKey& key);  // xprv...: secret
std::string serialise_public(const ExtendedKey& key);   // xpub...
// Checks checksum, version, key range, and that a master key has no parent.
Result<ExtendedKey> parse_private(std::string_view xprv);
Status check_public(std::string_view xpub);

}  // namespace assay::ledger
