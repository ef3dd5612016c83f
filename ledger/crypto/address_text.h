// Addresses as text: 0x and 40 hexadecimal digits whose letter case is a checksum (EIP-55).
//
// Pure functions; thread-safe. Errors: kInvalidArgument for a wrong length, a wrong digit, or mixed
// case that does not match the checksum (a typing mistake). All lower case or all upper case
// carries no checksum and is accepted.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "ledger/codec/address.h"

namespace assay::ledger {

[[nodiscard]] std::string address_text(const Address& address);
Result<Address> parse_address(std::string_view text);

}  // namespace assay::ledger
