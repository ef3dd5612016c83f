// Byte strings, 32-byte hashes and hexadecimal text, used by every layer.
// Thread safety: plain values. Errors: from_hex returns nullopt for odd length or a non-hex digit.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

using Bytes = std::vector<uint8_t>;
using ByteView = std::span<const uint8_t>;

struct Hash256 {
    std::array<uint8_t, 32> bytes{};
    auto operator<=>(const Hash256&) const = default;
    ByteView view() const { return {bytes.data(), bytes.size()}; }
    bool is_zero() const { return *this == Hash256{}; }
};

inline ByteView view_of(std::string_view s) {
    return {reinterpret_cast<const uint8_t*>(s.data()), s.size()};
}
inline std::string_view text_of(ByteView b) {
    return {reinterpret_cast<const char*>(b.data()), b.size()};
}
inline Bytes bytes_of(ByteView b) {
    return {b.begin(), b.end()};
}
inline Bytes bytes_of(std::string_view s) {
    return bytes_of(view_of(s));
}

// Lower-case, without a prefix.
inline std::string to_hex(ByteView bytes) {
    constexpr char digits[] = "0123456789abcdef";
    std::string out;
    out.reserve(bytes.size() * 2);
    for (const uint8_t b : bytes) {
        out.push_back(digits[b >> 4]);
        out.push_back(digits[b & 15]);
    }
    return out;
}
inline std::string to_hex(const Hash256& hash) {
    return to_hex(hash.view());
}

// Accepts an optional 0x prefix and both letter cases.
inline std::optional<Bytes> from_hex(std::string_view text) {
    if (text.starts_with("0x") || text.starts_with("0X")) text.remove_prefix(2);
    if (text.size() % 2 != 0) return std::nullopt;
    const auto nibble = [](char c) -> int {
        if (c >= '0' && c <= '9') return c - '0';
        if (c >= 'a' && c <= 'f') return c - 'a' + 10;
        if (c >= 'A' && c <= 'F') return c - 'A' + 10;
        return -1;
    };
    Bytes out(text.size() / 2);
    for (size_t i = 0; i < out.size(); ++i) {
        const int hi = nibble(text[2 * i]);
        const int lo = nibble(text[2 * i + 1]);
        if (hi < 0 || lo < 0) return std::nullopt;
        out[i] = static_cast<uint8_t>(hi * 16 + lo);
    }
    return out;
}

// Exactly 32 bytes, or nullopt.
inline std::optional<Hash256> hash_from(ByteView bytes) {
    Hash256 hash;
    if (bytes.size() != hash.bytes.size()) return std::nullopt;
    std::memcpy(hash.bytes.data(), bytes.data(), bytes.size());
    return hash;
}
inline std::optional<Hash256> hash_from_hex(std::string_view text) {
    const auto bytes = from_hex(text);
    return bytes ? hash_from(*bytes) : std::nullopt;
}

// Big-endian integers, as used in ordered keys and hashed encodings.
inline void append_be64(Bytes& out, uint64_t value) {
    for (int shift = 56; shift >= 0; shift -= 8)
        out.push_back(static_cast<uint8_t>(value >> shift));
}
inline void append_be32(Bytes& out, uint32_t value) {
    for (int shift = 24; shift >= 0; shift -= 8)
        out.push_back(static_cast<uint8_t>(value >> shift));
}
inline uint64_t read_be64(ByteView bytes) {
    uint64_t value = 0;
    for (size_t i = 0; i < 8; ++i) value = value << 8 | bytes[i];
    return value;
}
inline uint32_t read_be32(ByteView bytes) {
    uint32_t value = 0;
    for (size_t i = 0; i < 4; ++i) value = value << 8 | bytes[i];
    return value;
}
inline void append(Bytes& out, ByteView bytes) {
    out.insert(out.end(), bytes.begin(), bytes.end());
}

}  // namespace assay
