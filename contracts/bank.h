// Accounts and the supply: the only functions that change a balance.
//
// Balances, bonds, unbondings and escrows together are the supply; it only falls, by burning.
// Threads: those of the context. Errors: debit says false and changes nothing; the rest cannot
// fail.
#pragma once

#include "contracts/context.h"

namespace assay::contracts {

[[nodiscard]] bool debit(Store& store, const Address& owner, uint64_t amount);
void credit(Store& store, const Address& owner, uint64_t amount);

// Leaves the supply: `amount` must already be taken from where it was.
void burn(Store& store, uint64_t amount);
// The fee of a transaction is burnt, so that no block producer gains by filling blocks.
[[nodiscard]] bool charge_fee(Store& store, const Address& payer, uint64_t fee);

// Adds signed amounts to totals.{escrowed, bonded, unbonding, locked}.
struct TotalsDelta {
    int64_t escrowed = 0, bonded = 0, unbonding = 0, locked = 0;
};
void add_totals(Store& store, const TotalsDelta& delta);

struct TransferRule {
    using Message = pb::Transfer;
    static Status preflight(const pb::Transfer& message);
    static TxCode apply(Context& context, const pb::Transfer& message);
};

}  // namespace assay::contracts
