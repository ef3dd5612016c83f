#include "ledger/crypto/address_text.h"

#include <algorithm>

#include "ledger/crypto/hash.h"

namespace assay::ledger {

std::string address_text(const Address& address) {
    std::string text = to_hex(address.view());
    const auto hash = keccak256(view_of(text));
    for (size_t i = 0; i < text.size(); ++i) {
        const int nibble = i % 2 == 0 ? hash.bytes[i / 2] >> 4 : hash.bytes[i / 2] & 15;
        if (text[i] >= 'a' && nibble >= 8) text[i] = static_cast<char>(text[i] - 'a' + 'A');
    }
    return "0x" + text;
}

Result<Address> parse_address(std::string_view text) {
    const auto refuse = [&](const char* why) {
        return fail(Code::kInvalidArgument,
                    "address '" + std::string(text.substr(0, 64)) + "' " + why);
    };
    if (text.size() != 42 || !text.starts_with("0x")) {
        return refuse("must be 0x and 40 hexadecimal digits");
    }
    const auto raw = from_hex(text);
    const auto address = raw ? Address::from(*raw) : std::nullopt;
    if (!address) return refuse("must be 0x and 40 hexadecimal digits");
    const auto digits = text.substr(2);
    const auto has = [&](char low, char high) {
        return std::any_of(digits.begin(), digits.end(),
                           [=](char c) { return c >= low && c <= high; });
    };
    if (has('a', 'f') && has('A', 'F') && address_text(*address) != text) {
        return refuse("fails its checksum: a digit was mistyped, or copy it in lower case");
    }
    return *address;
}

}  // namespace assay::ledger
