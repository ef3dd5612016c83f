// What a rule sees while it runs: the state, the block, the parameters, the sender, the event sink.
//
// Ownership: borrows everything but the parameters; lives for one transaction or one block end.
// Threads: one. Errors: none of its own.
#pragma once

#include <string>

#include "contracts/store.h"
#include "ledger/rules.h"

namespace assay::contracts {

using ledger::TxCode;

struct Context {
    Store store;
    const ledger::BlockInfo& block;
    const pb::Params params;
    ledger::Events& events;
    Address sender;      // of the transaction; zero at block end
    uint64_t nonce = 0;  // of the transaction

    [[nodiscard]] uint64_t now() const { return block.time_ms; }
    void emit(std::string_view type, ledger::EventAttributes attributes) {
        events.push_back({std::string(type), std::move(attributes)});
    }
};

// Attribute values: ids and addresses in lower-case hexadecimal, amounts and times in decimal.
[[nodiscard]] inline std::string hex_text(std::string_view raw) {
    return to_hex(view_of(raw));
}
[[nodiscard]] inline std::string hex_text(const Address& address) {
    return to_hex(address.view());
}
[[nodiscard]] inline std::string decimal(uint64_t value) {
    return std::to_string(value);
}

}  // namespace assay::contracts
