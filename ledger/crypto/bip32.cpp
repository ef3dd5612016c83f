#include "ledger/crypto/bip32.h"

#include <secp256k1.h>

#include <algorithm>

#include "ledger/crypto/hash.h"

namespace assay::ledger {
namespace {

constexpr std::string_view kAlphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
constexpr uint32_t kPrivateVersion = 0x0488ADE4;
constexpr uint32_t kPublicVersion = 0x0488B21E;
constexpr size_t kSerialisedBytes = 78;
constexpr size_t kChecksumBytes = 4;
constexpr size_t kMaxBase58 = 128;

std::string base58(ByteView bytes) {
    std::vector<uint8_t> digits;  // base 58, least significant first
    for (const uint8_t byte : bytes) {
        int carry = byte;
        for (auto& digit : digits) {
            carry += digit * 256;
            digit = static_cast<uint8_t>(carry % 58);
            carry /= 58;
        }
        for (; carry > 0; carry /= 58) digits.push_back(static_cast<uint8_t>(carry % 58));
    }
    std::string text;
    for (size_t i = 0; i < bytes.size() && bytes[i] == 0; ++i) text += '1';
    for (auto it = digits.rbegin(); it != digits.rend(); ++it) text += kAlphabet[*it];
    return text;
}

std::optional<Bytes> from_base58(std::string_view text) {
    if (text.size() > kMaxBase58) return std::nullopt;
    Bytes bytes;  // least significant first
    for (const char c : text) {
        const auto digit = kAlphabet.find(c);
        if (digit == std::string_view::npos) return std::nullopt;
        int carry = static_cast<int>(digit);
        for (auto& byte : bytes) {
            carry += byte * 58;
            byte = static_cast<uint8_t>(carry % 256);
            carry /= 256;
        }
        for (; carry > 0; carry /= 256) bytes.push_back(static_cast<uint8_t>(carry % 256));
    }
    for (size_t i = 0; i < text.size() && text[i] == '1'; ++i) bytes.push_back(0);
    std::reverse(bytes.begin(), bytes.end());
    return bytes;
}

Hash256 checksum_of(ByteView payload) {
    return sha256(sha256(payload).view());
}

std::string serialise(const ExtendedKey& key, uint32_t version, ByteView key_bytes) {
    Bytes payload;
    append_be32(payload, version);
    payload.push_back(key.depth);
    append(payload, key.parent_fingerprint);
    append_be32(payload, key.child_number);
    append(payload, key.chain_code);
    append(payload, key_bytes);
    const auto checksum = checksum_of(payload);
    append(payload, checksum.view().first(kChecksumBytes));
    return base58(payload);
}

Error bad(const std::string& what) {
    return fail(Code::kInvalidArgument, "extended key: " + what);
}

Result<Bytes> decode(std::string_view text, uint32_t version) {
    const auto bytes = from_base58(text);
    if (!bytes || bytes->size() != kSerialisedBytes + kChecksumBytes) {
        return bad("not 82 bytes of base58");
    }
    const ByteView payload(bytes->data(), kSerialisedBytes);
    const auto checksum = checksum_of(payload);
    if (!std::equal(bytes->begin() + kSerialisedBytes, bytes->end(), checksum.bytes.begin())) {
        return bad("the checksum does not fit: a character is wrong");
    }
    const auto found = static_cast<uint32_t>(read_be64(payload) >> 32);
    if (found != version) return bad("the version bytes are not those of this kind of key");
    const bool has_parent =
        std::any_of(payload.begin() + 5, payload.begin() + 13, [](uint8_t b) { return b != 0; });
    if (payload[4] == 0 && has_parent) return bad("a master key with a parent or a child number");
    return Bytes(payload.begin(), payload.end());
}

Result<uint32_t> parse_step(std::string_view step) {
    const bool hardened = step.ends_with('\'') || step.ends_with('h');
    if (hardened) step.remove_suffix(1);
    uint64_t value = 0;
    for (const char c : step) {
        if (c < '0' || c > '9' || value >= kHardened)
            return bad("a path step must be a number below 2^31");
        value = value * 10 + static_cast<uint64_t>(c - '0');
    }
    if (step.empty() || value >= kHardened) return bad("a path step must be a number below 2^31");
    return static_cast<uint32_t>(value) | (hardened ? kHardened : 0);
}

Result<ExtendedKey> from_hmac(const std::array<uint8_t, 64>& hmac, PrivateKey key) {
    ExtendedKey out{std::move(key), {}, 0, {}, 0};
    std::copy(hmac.begin() + 32, hmac.end(), out.chain_code.begin());
    return out;
}

}  // namespace

Result<ExtendedKey> master_key(ByteView seed) {
    if (seed.size() < 16 || seed.size() > 64) return bad("a seed has 16 to 64 bytes");
    const auto hmac = hmac_sha512(view_of("Bitcoin seed"), seed);
    ASSAY_ASSIGN(auto key, PrivateKey::from_bytes({hmac.data(), 32}));
    return from_hmac(hmac, std::move(key));
}

Result<ExtendedKey> derive_child(const ExtendedKey& parent, uint32_t index) {
    if (parent.depth == 255) return bad("deeper than 255 steps");
    const auto public_key = parent.key.public_key();
    Bytes data;
    if ((index & kHardened) != 0) {
        data.push_back(0);
        append(data, parent.key.secret());
    } else {
        append(data, public_key.bytes);
    }
    append_be32(data, index);
    const auto hmac = hmac_sha512(parent.chain_code, data);
    std::array<uint8_t, 32> secret{};
    std::copy_n(parent.key.secret().begin(), secret.size(), secret.begin());
    // Adds modulo the group order; fails once in 2^127, when the step must be skipped.
    if (secp256k1_ec_seckey_tweak_add(secp256k1_context_static, secret.data(), hmac.data()) != 1) {
        return bad("this index gives no key; use the next one");
    }
    auto key = PrivateKey::from_bytes(secret);
    secret.fill(0);
    if (!key.ok()) return key.error();
    ASSAY_ASSIGN(auto child, from_hmac(hmac, std::move(key).value()));
    child.depth = static_cast<uint8_t>(parent.depth + 1);
    const auto fingerprint = ripemd160(sha256(public_key.bytes).view());
    std::copy_n(fingerprint.begin(), 4, child.parent_fingerprint.begin());
    child.child_number = index;
    return child;
}

Result<ExtendedKey> derive_path(const ExtendedKey& master, std::string_view path) {
    if (path.empty() || path.front() != 'm') return bad("a path starts with m");
    ExtendedKey key{master.key.clone(), master.chain_code, master.depth, master.parent_fingerprint,
                    master.child_number};
    path.remove_prefix(1);
    while (!path.empty()) {
        if (path.front() != '/') return bad("path steps are separated by /");
        path.remove_prefix(1);
        const auto end = std::min(path.size(), path.find('/'));
        ASSAY_ASSIGN(const auto index, parse_step(path.substr(0, end)));
        ASSAY_ASSIGN(key, derive_child(key, index));
        path.remove_prefix(end);
    }
    return key;
}

Result<PrivateKey> derive_account(ByteView seed, uint32_t index) {
    ASSAY_ASSIGN(const auto master, master_key(seed));
    const auto path = "m/44'/" + std::to_string(kCoinType) + "'/0'/0/" + std::to_string(index);
    ASSAY_ASSIGN(auto account, derive_path(master, path));
    return std::move(account.key);
}

std::string serialise_private(const ExtendedKey& key) {
    Bytes bytes = {0};
    append(bytes, key.key.secret());
    return serialise(key, kPrivateVersion, bytes);
}

std::string serialise_public(const ExtendedKey& key) {
    return serialise(key, kPublicVersion, key.key.public_key().bytes);
}

Result<ExtendedKey> parse_private(std::string_view xprv) {
    ASSAY_ASSIGN(const auto payload, decode(xprv, kPrivateVersion));
    if (payload[45] != 0) return bad("the private key's first byte must be 0");
    ASSAY_ASSIGN(auto key, PrivateKey::from_bytes({payload.data() + 46, 32}));
    ExtendedKey out{std::move(key), {}, payload[4], {}, 0};
    std::copy_n(payload.begin() + 5, 4, out.parent_fingerprint.begin());
    out.child_number = static_cast<uint32_t>(read_be64(ByteView(payload).subspan(9)) >> 32);
    std::copy_n(payload.begin() + 13, 32, out.chain_code.begin());
    return out;
}

Status check_public(std::string_view xpub) {
    ASSAY_ASSIGN(const auto payload, decode(xpub, kPublicVersion));
    secp256k1_pubkey point;
    if (secp256k1_ec_pubkey_parse(secp256k1_context_static, &point, payload.data() + 45, 33) != 1) {
        return bad("the public key is no point of the curve");
    }
    return {};
}

}  // namespace assay::ledger
