// BIP-39: a key's entropy as English words that people can write down, and back.
//
// Pure functions; thread-safe. Errors: kInvalidArgument names the word and its place, a wrong
// count, or a failed checksum (a word was mistyped or two were swapped). Passphrases are ASCII:
// other text would need NFKD.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace assay::ledger {

// 16, 20, 24, 28 or 32 bytes of entropy; 12 to 24 words separated by single spaces.
Result<std::string> mnemonic_from_entropy(ByteView entropy);
Result<Bytes> entropy_from_mnemonic(std::string_view mnemonic);
// PBKDF2-HMAC-SHA512, 2,048 rounds, salt "mnemonic" + passphrase. The mnemonic's checksum is
// checked.
Result<std::array<uint8_t, 64>> seed_from_mnemonic(std::string_view mnemonic,
                                                   std::string_view passphrase);

}  // namespace assay::ledger
