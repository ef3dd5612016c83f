#include "ledger/codec/tx_code.h"

namespace assay::ledger {
namespace {

struct Entry {
    TxCode code;
    std::string_view name;
    std::string_view remedy;
};

constexpr Entry kEntries[] = {
    {TxCode::kOk, "ok", "Nothing to do: the transaction was applied."},
    {TxCode::kMalformedEncoding, "malformed_encoding",
     "Encode the transaction as canonical protobuf (docs/formats/ledger.md) and sign it again."},
    {TxCode::kMalformedSignature, "malformed_signature",
     "Sign the EIP-712 digest of the body with 65 bytes r, s (low), recovery id 0 or 1."},
    {TxCode::kWrongChain, "wrong_chain", "Set chain_id to the id of this chain and sign again."},
    {TxCode::kUnknownType, "unknown_type", "Use a transaction type that this chain supports."},
    {TxCode::kMalformedPayload, "malformed_payload",
     "Fix the payload field that the log names and sign again."},
    {TxCode::kTooLarge, "too_large",
     "Keep the transaction within 64 KiB; put large data into the blob store."},
    {TxCode::kFeeTooLow, "fee_too_low", "Raise the fee to at least the chain's minimum."},
    {TxCode::kNonceUsed, "nonce_used", "Read the account's next nonce and sign again."},
    {TxCode::kExpired, "expired", "Set expiry_height above the current height and sign again."},
    {TxCode::kNonceGap, "nonce_gap", "Send the transactions with the lower nonces first."},
    {TxCode::kCannotPayFee, "cannot_pay_fee", "Fund the account so that it can pay the fee."},
    {TxCode::kMempoolFull, "mempool_full", "Wait for the next block and send it again."},
    {TxCode::kAlreadyPending, "already_pending",
     "Wait for the transaction that is already waiting, or use the next nonce."},
    {TxCode::kNotAccepting, "not_accepting",
     "Check the node's status; send to another node or wait until the producer answers."},
    {TxCode::kInsufficientFunds, "insufficient_funds",
     "Fund the account or lower the amount; the fee was charged."},
    {TxCode::kNotFound, "not_found", "Check the id: no such object exists on the ledger."},
    {TxCode::kAlreadyExists, "already_exists", "Use the existing object or another id."},
    {TxCode::kNotAllowed, "not_allowed",
     "Sign with the key that owns the object or is assigned to it."},
    {TxCode::kWrongState, "wrong_state",
     "Read the object's state first: it does not allow this step now."},
    {TxCode::kDeadlinePassed, "deadline_passed", "Too late: the step's deadline has passed."},
    {TxCode::kLimitExceeded, "limit_exceeded", "Stay within the limits of docs/limits.md."},
    {TxCode::kStakeTooSmall, "stake_too_small", "Bond more stake first."},
    {TxCode::kStakeLocked, "stake_locked",
     "Wait until live slots and the unbonding delay release the stake."},
    {TxCode::kEscrowTooSmall, "escrow_too_small",
     "Raise the escrow to cover all replicas' rewards and fees."},
    {TxCode::kCommitmentMismatch, "commitment_mismatch",
     "Reveal exactly the root and salt that were committed by this operator."},
    {TxCode::kCommitmentCopied, "commitment_copied",
     "Commit your own result: another operator already committed these bytes."},
    {TxCode::kInvalidAmount, "invalid_amount", "Use an amount above zero that does not overflow."},
    {TxCode::kInfeasible, "infeasible",
     "Change the request: no rule of this chain can satisfy it."},
};

const Entry* find(TxCode code) {
    for (const Entry& entry : kEntries)
        if (entry.code == code) return &entry;
    return nullptr;
}

}  // namespace

std::string_view tx_code_name(TxCode code) {
    const Entry* entry = find(code);
    return entry ? entry->name : "unknown";
}

std::string_view tx_code_remedy(TxCode code) {
    const Entry* entry = find(code);
    return entry ? entry->remedy : "Update this software: the code is newer than it.";
}

}  // namespace assay::ledger
