#include "contracts/dispatch.h"

#include <concepts>
#include <iterator>

#include "contracts/bank.h"
#include "contracts/jobs.h"
#include "contracts/limits.h"
#include "contracts/providers.h"
#include "contracts/stake.h"
#include "contracts/tasks.h"
#include "contracts/transactions.h"
#include "contracts/upgrades.h"
#include "contracts/validators.h"
#include "ledger/codec/canonical.h"

namespace assay::contracts {
namespace {

// Some versions of the rules take messages that others refuse.
template <typename Rule>
concept Versioned = requires(const typename Rule::Message& message, uint32_t version) {
    { Rule::preflight(message, version) } -> std::same_as<Status>;
};
template <typename Rule>
concept Unversioned = requires(const typename Rule::Message& message) {
    { Rule::preflight(message) } -> std::same_as<Status>;
};

template <typename Rule>
concept Checked = Versioned<Rule> || Unversioned<Rule>;

// What a type of transaction must provide: a check of the message alone, and its effect.
template <typename Rule>
concept Transactor = Checked<Rule> &&
    requires(Context& context, const typename Rule::Message& message) {
    { Rule::apply(context, message) } -> std::same_as<TxCode>;
};

struct Entry {
    TxType type;
    Status (*preflight)(ByteView payload, uint32_t version);
    TxCode (*apply)(ByteView payload, Context& context);
};

template <Transactor Rule>
Status preflight_with(ByteView payload, uint32_t version) {
    ASSAY_ASSIGN(const auto message, ledger::decode_canonical<typename Rule::Message>(
                                         payload, kMaxPayloadBytes, "payload"));
    if constexpr (Versioned<Rule>)
        return Rule::preflight(message, version);
    else
        return Rule::preflight(message);
}

template <Transactor Rule>
TxCode apply_with(ByteView payload, Context& context) {
    typename Rule::Message message;
    if (!message.ParseFromArray(payload.data(), static_cast<int>(payload.size())))
        return TxCode::kMalformedPayload;
    return Rule::apply(context, message);
}

template <Transactor Rule>
constexpr Entry entry(TxType type) {
    return {type, &preflight_with<Rule>, &apply_with<Rule>};
}

constexpr Entry kEntries[] = {
    entry<TransferRule>(TxType::kTransfer),
    entry<StakeBondRule>(TxType::kStakeBond),
    entry<StakeUnbondRule>(TxType::kStakeUnbond),
    entry<StakeUnjailRule>(TxType::kStakeUnjail),
    entry<ValidatorRegisterRule>(TxType::kValidatorRegister),
    entry<ValidatorLeaveRule>(TxType::kValidatorLeave),
    entry<UpgradeSignalRule>(TxType::kUpgradeSignal),
    entry<ProviderRegisterRule>(TxType::kProviderRegister),
    entry<ProviderUpdateRule>(TxType::kProviderUpdate),
    entry<JobPostRule>(TxType::kJobPost),
    entry<JobCancelRule>(TxType::kJobCancel),
    entry<JobTopUpRule>(TxType::kJobTopUp),
    entry<TaskAcceptRule>(TxType::kTaskAccept),
    entry<TaskDeclineRule>(TxType::kTaskDecline),
    entry<TaskCommitRule>(TxType::kTaskCommit),
    entry<TaskRevealRule>(TxType::kTaskReveal),
    entry<TaskCrankRule>(TxType::kTaskCrank),
};

// The public table and the rules name the same types in the same order.
constexpr bool tables_match() {
    if (std::size(kEntries) != std::size(kTransactions)) return false;
    for (size_t i = 0; i < std::size(kEntries); ++i)
        if (kEntries[i].type != kTransactions[i].type) return false;
    return true;
}
static_assert(tables_match());

const Entry* find_entry(uint32_t type) {
    for (const Entry& candidate : kEntries)
        if (static_cast<uint32_t>(candidate.type) == type) return &candidate;
    return nullptr;
}

}  // namespace

TxCode preflight_payload(uint32_t type, ByteView payload, uint32_t version, std::string& why) {
    const Entry* found = find_entry(type);
    if (found == nullptr) return TxCode::kUnknownType;
    if (payload.size() > kMaxPayloadBytes) return TxCode::kTooLarge;
    const Status valid = found->preflight(payload, version);
    if (valid.ok()) return TxCode::kOk;
    why = std::string(find_transaction(type)->name) + ": " + valid.error().message;
    return TxCode::kMalformedPayload;
}

TxCode apply_payload(uint32_t type, ByteView payload, Context& context) {
    const Entry* found = find_entry(type);
    return found == nullptr ? TxCode::kUnknownType : found->apply(payload, context);
}

}  // namespace assay::contracts
