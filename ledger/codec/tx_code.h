// Result codes of a transaction, in families with fixed consequences (docs/error-codes.md).
//
//   ok         applied, fee charged
//   malformed  1xx: can never succeed; not relayed, not included, no fee
//   stale      2xx: cannot succeed any more (old nonce, expired); not included, no fee
//   retry      3xx: may succeed later; kept out of the block, no fee
//   claimed    4xx: included, fee charged, no other effect
#pragma once

#include <cstdint>
#include <string_view>

namespace assay::ledger {

// Numbers are frozen.
enum class TxCode : uint16_t {
    kOk = 0,

    kMalformedEncoding = 100,
    kMalformedSignature = 101,
    kWrongChain = 102,
    kUnknownType = 103,
    kMalformedPayload = 104,
    kTooLarge = 105,
    kFeeTooLow = 106,

    kNonceUsed = 200,
    kExpired = 201,

    kNonceGap = 300,
    kCannotPayFee = 301,
    kMempoolFull = 302,
    kAlreadyPending = 303,  // this transaction, or one with this nonce, waits in the mempool
    kNotAccepting = 304,    // the engine has stopped, or the block producer cannot be reached

    kInsufficientFunds = 400,
    kNotFound = 401,
    kAlreadyExists = 402,
    kNotAllowed = 403,  // not the owner, not assigned, jailed
    kWrongState = 404,  // the object's state has no such edge
    kDeadlinePassed = 405,
    kLimitExceeded = 406,
    kStakeTooSmall = 407,
    kStakeLocked = 408,
    kEscrowTooSmall = 409,
    kCommitmentMismatch = 410,
    kCommitmentCopied = 411,
    kInvalidAmount = 412,
    kInfeasible = 413,  // the request is well-formed but no chain rule could ever satisfy it
};

enum class TxFamily : uint8_t { kOk, kMalformed, kStale, kRetry, kClaimed };

constexpr TxFamily family(TxCode code) {
    return static_cast<TxFamily>(static_cast<uint16_t>(code) / 100);
}
// Included in a block and its fee charged.
constexpr bool is_included(TxCode code) {
    return family(code) == TxFamily::kOk || family(code) == TxFamily::kClaimed;
}

// Every code above, in ascending order (docs and fuzzers walk it).
inline constexpr TxCode kAllTxCodes[] = {
    TxCode::kOk,
    TxCode::kMalformedEncoding,
    TxCode::kMalformedSignature,
    TxCode::kWrongChain,
    TxCode::kUnknownType,
    TxCode::kMalformedPayload,
    TxCode::kTooLarge,
    TxCode::kFeeTooLow,
    TxCode::kNonceUsed,
    TxCode::kExpired,
    TxCode::kNonceGap,
    TxCode::kCannotPayFee,
    TxCode::kMempoolFull,
    TxCode::kAlreadyPending,
    TxCode::kNotAccepting,
    TxCode::kInsufficientFunds,
    TxCode::kNotFound,
    TxCode::kAlreadyExists,
    TxCode::kNotAllowed,
    TxCode::kWrongState,
    TxCode::kDeadlinePassed,
    TxCode::kLimitExceeded,
    TxCode::kStakeTooSmall,
    TxCode::kStakeLocked,
    TxCode::kEscrowTooSmall,
    TxCode::kCommitmentMismatch,
    TxCode::kCommitmentCopied,
    TxCode::kInvalidAmount,
    TxCode::kInfeasible,
};

std::string_view tx_code_name(TxCode code);    // "commitment_mismatch"
std::string_view tx_code_remedy(TxCode code);  // one sentence: what to do

}  // namespace assay::ledger
