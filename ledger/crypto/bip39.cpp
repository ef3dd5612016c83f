#include "ledger/crypto/bip39.h"

#include <algorithm>
#include <vector>

#include "ledger/crypto/hash.h"

namespace assay::ledger {
namespace {

constexpr std::string_view kWords[] = {
#include "ledger/crypto/bip39_english.inc"
};
constexpr size_t kBitsPerWord = 11;
static_assert(std::size(kWords) == 2048);

bool is_entropy_size(size_t bytes) {
    return bytes >= 16 && bytes <= 32 && bytes % 4 == 0;
}

std::vector<std::string_view> split(std::string_view text) {
    std::vector<std::string_view> words;
    while (!text.empty()) {
        const auto begin = text.find_first_not_of(" \t\r\n");
        if (begin == std::string_view::npos) break;
        const auto end = std::min(text.size(), text.find_first_of(" \t\r\n", begin));
        words.push_back(text.substr(begin, end - begin));
        text.remove_prefix(end);
    }
    return words;
}

// Bit `index` of `bytes`, most significant first.
bool bit_at(ByteView bytes, size_t index) {
    return (bytes[index / 8] >> (7 - index % 8) & 1) != 0;
}

}  // namespace

Result<std::string> mnemonic_from_entropy(ByteView entropy) {
    if (!is_entropy_size(entropy.size())) {
        return fail(Code::kInvalidArgument, "entropy has " + std::to_string(entropy.size()) +
                                                " bytes; it takes 16, 20, 24, 28 or 32");
    }
    // Entropy, then as many bits of its hash as it has 32-bit words.
    Bytes bits(entropy.begin(), entropy.end());
    bits.push_back(sha256(entropy).bytes[0]);
    const size_t words = (entropy.size() * 8 + entropy.size() / 4) / kBitsPerWord;
    std::string text;
    for (size_t word = 0; word < words; ++word) {
        size_t index = 0;
        for (size_t bit = 0; bit < kBitsPerWord; ++bit) {
            index = index * 2 + (bit_at(bits, word * kBitsPerWord + bit) ? 1 : 0);
        }
        if (word > 0) text += ' ';
        text += kWords[index];
    }
    return text;
}

Result<Bytes> entropy_from_mnemonic(std::string_view mnemonic) {
    const auto words = split(mnemonic);
    const size_t entropy_bytes = words.size() * kBitsPerWord / 33 * 4;
    if (words.size() % 3 != 0 || !is_entropy_size(entropy_bytes)) {
        return fail(Code::kInvalidArgument, "a mnemonic has 12, 15, 18, 21 or 24 words, not " +
                                                std::to_string(words.size()));
    }
    Bytes bits((words.size() * kBitsPerWord + 7) / 8);
    for (size_t i = 0; i < words.size(); ++i) {
        const auto* found = std::lower_bound(std::begin(kWords), std::end(kWords), words[i]);
        if (found == std::end(kWords) || *found != words[i]) {
            return fail(Code::kInvalidArgument, "word " + std::to_string(i + 1) + ", '" +
                                                    std::string(words[i].substr(0, 16)) +
                                                    "', is not in the English word list");
        }
        const auto index = static_cast<size_t>(found - std::begin(kWords));
        for (size_t bit = 0; bit < kBitsPerWord; ++bit) {
            if ((index >> (kBitsPerWord - 1 - bit) & 1) == 0) continue;
            const size_t at = i * kBitsPerWord + bit;
            bits[at / 8] = static_cast<uint8_t>(bits[at / 8] | 0x80 >> at % 8);
        }
    }
    const Bytes entropy(bits.begin(), bits.begin() + static_cast<std::ptrdiff_t>(entropy_bytes));
    const auto hash = sha256(entropy);
    for (size_t bit = 0; bit < entropy_bytes / 4; ++bit) {
        if (bit_at(bits, entropy_bytes * 8 + bit) != bit_at(hash.view(), bit)) {
            return fail(Code::kInvalidArgument,
                        "the mnemonic's checksum does not fit: a word is wrong or out of place");
        }
    }
    return entropy;
}

Result<std::array<uint8_t, 64>> seed_from_mnemonic(std::string_view mnemonic,
                                                   std::string_view passphrase) {
    ASSAY_ASSIGN(const auto entropy, entropy_from_mnemonic(mnemonic));
    const auto is_ascii = [](char c) { return c >= 0x20 && c <= 0x7e; };
    if (!std::all_of(passphrase.begin(), passphrase.end(), is_ascii)) {
        return fail(Code::kInvalidArgument, "a mnemonic passphrase must be printable ASCII here");
    }
    ASSAY_ASSIGN(const auto canonical, mnemonic_from_entropy(entropy));
    const auto salt = "mnemonic" + std::string(passphrase);
    return pbkdf2_sha512(view_of(canonical), view_of(salt), 2048);
}

}  // namespace assay::ledger
