// The laws that no transaction, block or state may break.
//
// Over changes (every transaction and block): money moves or is burnt but never appears; the totals
// follow the objects; locked stake is what slots lock; occupied slots are what providers count;
// tasks and jobs follow legal edges; nonces never fall; nothing is erased. Over a whole state
// (audit, tests): the same sums, each operator by itself, and the indexes. Threads: pure. Errors: a
// sentence that names the law, the object and the values; nullopt if all hold.
#pragma once

#include <optional>
#include <string>

#include "ledger/state/view.h"

namespace assay::contracts {

[[nodiscard]] std::optional<std::string> find_broken_change(const ledger::State& changed);
[[nodiscard]] std::optional<std::string> find_broken_state(const ledger::ReadView& state);

}  // namespace assay::contracts
