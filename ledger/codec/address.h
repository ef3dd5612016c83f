// A 20-byte account address: the last 20 bytes of Keccak-256 of the uncompressed public key.
// Plain value, ordered bytewise. Text form (EIP-55) is in ledger/crypto/address_text.h.
#pragma once

#include <array>
#include <compare>
#include <cstring>
#include <optional>

#include "base/bytes.h"

namespace assay::ledger {

struct Address {
    std::array<uint8_t, 20> bytes{};
    auto operator<=>(const Address&) const = default;
    ByteView view() const { return {bytes.data(), bytes.size()}; }

    // Exactly 20 bytes, or nullopt.
    static std::optional<Address> from(ByteView raw) {
        Address address;
        if (raw.size() != address.bytes.size()) return std::nullopt;
        std::memcpy(address.bytes.data(), raw.data(), raw.size());
        return address;
    }
    static std::optional<Address> from(std::string_view raw) { return from(view_of(raw)); }
};

}  // namespace assay::ledger
