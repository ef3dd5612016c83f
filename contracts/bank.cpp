#include "contracts/bank.h"

#include "contracts/payload_checks.h"

namespace assay::contracts {
namespace {

uint64_t plus(uint64_t value, int64_t delta) {
    return value + static_cast<uint64_t>(delta);  // two's complement: exact within the supply
}

}  // namespace

bool debit(Store& store, const Address& owner, uint64_t amount) {
    pb::Account account = store.account(owner);
    if (account.balance() < amount) return false;
    account.set_balance(account.balance() - amount);
    store.put(owner, account);
    return true;
}

void credit(Store& store, const Address& owner, uint64_t amount) {
    if (amount == 0) return;
    pb::Account account = store.account(owner);
    account.set_balance(account.balance() + amount);  // below the supply, which is below 2^63
    store.put(owner, account);
}

void burn(Store& store, uint64_t amount) {
    pb::Totals totals = store.totals();
    totals.set_supply(totals.supply() - amount);
    totals.set_burnt(totals.burnt() + amount);
    store.put(totals);
}

bool charge_fee(Store& store, const Address& payer, uint64_t fee) {
    if (!debit(store, payer, fee)) return false;
    pb::Totals totals = store.totals();
    totals.set_supply(totals.supply() - fee);
    totals.set_burnt(totals.burnt() + fee);
    totals.set_fees_collected(totals.fees_collected() + fee);
    store.put(totals);
    return true;
}

void add_totals(Store& store, const TotalsDelta& delta) {
    pb::Totals totals = store.totals();
    totals.set_escrowed(plus(totals.escrowed(), delta.escrowed));
    totals.set_bonded(plus(totals.bonded(), delta.bonded));
    totals.set_unbonding(plus(totals.unbonding(), delta.unbonding));
    totals.set_locked(plus(totals.locked(), delta.locked));
    store.put(totals);
}

Status TransferRule::preflight(const pb::Transfer& message) {
    ASSAY_RETURN_IF_ERROR(check_size("to", message.to(), sizeof(Address::bytes)));
    return check_amount("amount", message.amount());
}

TxCode TransferRule::apply(Context& context, const pb::Transfer& message) {
    const Address to = stored_address(message.to());
    if (to == context.sender) return TxCode::kInvalidAmount;
    if (!debit(context.store, context.sender, message.amount())) return TxCode::kInsufficientFunds;
    credit(context.store, to, message.amount());
    context.emit("bank.transfer", {{"from", hex_text(context.sender)},
                                   {"to", hex_text(to)},
                                   {"amount", decimal(message.amount())}});
    return TxCode::kOk;
}

}  // namespace assay::contracts
