#include "contracts/upgrades.h"

#include <algorithm>

#include "contracts/validators.h"
#include "ledger/crypto/ed25519.h"

namespace assay::contracts {
namespace {

bool is_pending(const Context& context) {
    const auto upgrade = context.store.upgrade();
    return upgrade && upgrade->height() > context.block.height;
}

std::optional<Address> operator_of(const Reader& reader, const pb::Validator& validator) {
    return reader.consensus_key_owner(ledger::ed25519_address(view_of(validator.consensus_key())));
}

// Of those who order the blocks now.
bool has_two_thirds(const Reader& reader, uint32_t version) {
    unsigned __int128 total = 0, ready = 0;
    const pb::ValidatorSet set = reader.validator_set();
    for (const pb::Validator& validator : set.validators()) {
        total += validator.power();
        const auto owner = operator_of(reader, validator);
        const auto stake = owner ? reader.stake(*owner) : std::nullopt;
        if (stake && stake->upgrade_signal() == version) ready += validator.power();
    }
    return 3 * ready > 2 * total;
}

bool orders_blocks(const Reader& reader, const Address& who) {
    const pb::ValidatorSet set = reader.validator_set();
    return std::any_of(set.validators().begin(), set.validators().end(),
                       [&](const auto& each) { return operator_of(reader, each) == who; });
}

void decide(Context& context, bool wanted) {
    if (wanted == is_pending(context)) return;
    const uint32_t now = context.block.app_version;
    pb::Upgrade upgrade;
    upgrade.set_before(now);
    upgrade.set_version(wanted ? now + 1 : now);
    upgrade.set_height(context.block.height +
                       (wanted ? context.params.upgrade_delay_blocks() : uint64_t{0}));
    context.store.put(upgrade);
    context.emit(wanted ? "upgrade.scheduled" : "upgrade.cancelled",
                 {{"version", decimal(now + 1)}, {"height", decimal(upgrade.height())}});
}

}  // namespace

Status UpgradeSignalRule::preflight(const pb::UpgradeSignal& message) {
    if (message.version() != 0) return {};
    return fail(Code::kInvalidArgument, "version: is 0");
}

TxCode UpgradeSignalRule::apply(Context& context, const pb::UpgradeSignal& message) {
    const uint32_t now = context.block.app_version;
    const bool wanted = message.version() == now + 1;
    if (!wanted && message.version() != now) return TxCode::kWrongState;
    if (context.block.producer) {
        if (*context.block.producer != context.sender) return TxCode::kNotAllowed;
        if (wanted == is_pending(context)) return TxCode::kAlreadyExists;
        decide(context, wanted);
        return TxCode::kOk;
    }
    auto stake = context.store.stake(context.sender);
    if (!stake || stake->consensus_key().empty()) return TxCode::kNotFound;
    if (!orders_blocks(context.store, context.sender)) return TxCode::kNotAllowed;
    // Said again, it has the power counted again, which may have moved.
    const bool is_open = wanted && !is_pending(context);
    if (stake->upgrade_signal() == message.version() && !is_open) return TxCode::kAlreadyExists;
    const bool takes_back = !wanted && stake->upgrade_signal() == now + 1;
    stake->set_upgrade_signal(message.version());
    save_stake(context.store, context.sender, *stake);
    context.emit("upgrade.signalled",
                 {{"operator", hex_text(context.sender)}, {"version", decimal(message.version())}});
    // Power that moved since the decision does not undo it; a signal that is taken back may.
    if (is_open || (takes_back && is_pending(context)))
        decide(context, has_two_thirds(context.store, now + 1));
    return TxCode::kOk;
}

}  // namespace assay::contracts
