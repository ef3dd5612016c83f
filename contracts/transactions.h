// Every type of transaction, in one table that feeds dispatch, documents, help and fuzz lists.
//
// Numbers and names are frozen. Threads: constants. Errors: none. `codes` lists the claimed codes a
// type can end with; any type may also end with the malformed, stale and retry codes of
// ledger/codec/tx_code.h.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "ledger/codec/tx_code.h"

namespace assay::contracts {

enum class TxType : uint32_t {
    kTransfer = 1,
    kStakeBond = 10,
    kStakeUnbond = 11,
    kStakeUnjail = 12,
    kValidatorRegister = 13,
    kValidatorLeave = 14,
    kUpgradeSignal = 15,
    kProviderRegister = 20,
    kProviderUpdate = 21,
    kJobPost = 30,
    kJobCancel = 31,
    kJobTopUp = 32,
    kTaskAccept = 40,
    kTaskDecline = 41,
    kTaskCommit = 42,
    kTaskReveal = 43,
    kTaskCrank = 44,
};

namespace tx_codes {
using enum ledger::TxCode;
inline constexpr ledger::TxCode kTransfer[] = {kInsufficientFunds, kInvalidAmount};
inline constexpr ledger::TxCode kStakeBond[] = {kInsufficientFunds, kNotAllowed, kStakeTooSmall};
inline constexpr ledger::TxCode kStakeUnbond[] = {kInsufficientFunds, kNotFound, kLimitExceeded,
                                                  kStakeTooSmall, kStakeLocked};
inline constexpr ledger::TxCode kStakeUnjail[] = {kNotFound, kNotAllowed, kWrongState,
                                                  kStakeTooSmall};
inline constexpr ledger::TxCode kValidatorRegister[] = {kNotFound, kNotAllowed, kAlreadyExists,
                                                        kStakeTooSmall};
inline constexpr ledger::TxCode kValidatorLeave[] = {kNotFound};
inline constexpr ledger::TxCode kUpgradeSignal[] = {kNotFound, kNotAllowed, kAlreadyExists,
                                                    kWrongState};
inline constexpr ledger::TxCode kProviderRegister[] = {kAlreadyExists, kStakeTooSmall};
inline constexpr ledger::TxCode kProviderUpdate[] = {kNotFound};
inline constexpr ledger::TxCode kJobPost[] = {kInsufficientFunds, kEscrowTooSmall, kInfeasible};
inline constexpr ledger::TxCode kJobCancel[] = {kNotFound, kNotAllowed, kWrongState};
inline constexpr ledger::TxCode kJobTopUp[] = {kInsufficientFunds, kNotFound, kNotAllowed,
                                               kWrongState};
inline constexpr ledger::TxCode kTaskAnswer[] = {kNotFound, kNotAllowed, kWrongState,
                                                 kDeadlinePassed};
inline constexpr ledger::TxCode kTaskCommit[] = {kNotFound, kNotAllowed, kWrongState,
                                                 kDeadlinePassed, kCommitmentCopied};
inline constexpr ledger::TxCode kTaskReveal[] = {kNotFound, kNotAllowed, kWrongState,
                                                 kDeadlinePassed, kCommitmentMismatch};
inline constexpr ledger::TxCode kTaskCrank[] = {kNotFound, kWrongState};
}  // namespace tx_codes

struct TxInfo {
    TxType type;
    std::string_view name;     // as in JSON-RPC and documents
    std::string_view message;  // of proto/contracts.proto
    std::string_view doc;
    std::span<const ledger::TxCode> codes;
};

// Ascending.
inline constexpr TxInfo kTransactions[] = {
    {TxType::kTransfer, "transfer", "Transfer", "Pay another account.", tx_codes::kTransfer},
    {TxType::kStakeBond, "stake_bond", "StakeBond",
     "Bond balance as stake; the bond is the operator's identity.", tx_codes::kStakeBond},
    {TxType::kStakeUnbond, "stake_unbond", "StakeUnbond",
     "Take free stake out; it is paid after the unbonding delay.", tx_codes::kStakeUnbond},
    {TxType::kStakeUnjail, "stake_unjail", "StakeUnjail",
     "End a jail whose time is over; new slots are offered again.", tx_codes::kStakeUnjail},
    {TxType::kValidatorRegister, "validator_register", "ValidatorRegister",
     "Give the engine's key: the bond becomes voting power over the order of blocks.",
     tx_codes::kValidatorRegister},
    {TxType::kValidatorLeave, "validator_leave", "ValidatorLeave",
     "Give the voting power up; the bond stays.", tx_codes::kValidatorLeave},
    {TxType::kUpgradeSignal, "upgrade_signal", "UpgradeSignal",
     "Say that one's program knows the next version of the rules, or take that back.",
     tx_codes::kUpgradeSignal},
    {TxType::kProviderRegister, "provider_register", "ProviderRegister",
     "Enter the registry with endpoint, measured score and standing bid.",
     tx_codes::kProviderRegister},
    {TxType::kProviderUpdate, "provider_update", "ProviderUpdate",
     "Change endpoint, bid or score; drain, resume, or end a suspension.",
     tx_codes::kProviderUpdate},
    {TxType::kJobPost, "job_post", "JobPost",
     "Post a training job and lock its escrow; its first tasks open.", tx_codes::kJobPost},
    {TxType::kJobCancel, "job_cancel", "JobCancel",
     "End a job before the first commit of its open tasks; the rest is refunded.",
     tx_codes::kJobCancel},
    {TxType::kJobTopUp, "job_top_up", "JobTopUp", "Add to a running job's escrow.",
     tx_codes::kJobTopUp},
    {TxType::kTaskAccept, "task_accept", "TaskAccept",
     "Take an offered slot; the commit deadline starts.", tx_codes::kTaskAnswer},
    {TxType::kTaskDecline, "task_decline", "TaskDecline",
     "Refuse an offered slot; the next in rank gets it.", tx_codes::kTaskAnswer},
    {TxType::kTaskCommit, "task_commit", "TaskCommit",
     "Bind oneself to a result without showing it.", tx_codes::kTaskCommit},
    {TxType::kTaskReveal, "task_reveal", "TaskReveal",
     "Show the committed result; the last reveal starts the tally.", tx_codes::kTaskReveal},
    {TxType::kTaskCrank, "task_crank", "TaskCrank",
     "Fire a task's timed edge that is due now; anyone may.", tx_codes::kTaskCrank},
};

[[nodiscard]] constexpr const TxInfo* find_transaction(uint32_t type) {
    for (const TxInfo& info : kTransactions)
        if (static_cast<uint32_t>(info.type) == type) return &info;
    return nullptr;
}
[[nodiscard]] constexpr const TxInfo* find_transaction(std::string_view name) {
    for (const TxInfo& info : kTransactions)
        if (info.name == name) return &info;
    return nullptr;
}

}  // namespace assay::contracts
