// Provider registry: identity, endpoint, measured score, and the standing bid (floor, capacity).
//
// Threads: those of the context. Errors: TxCode per rule.
#pragma once

#include "contracts/context.h"

namespace assay::contracts {

struct ProviderRegisterRule {
    using Message = pb::ProviderRegister;
    static Status preflight(const pb::ProviderRegister& message);
    static TxCode apply(Context& context, const pb::ProviderRegister& message);
};
struct ProviderUpdateRule {
    using Message = pb::ProviderUpdate;
    static Status preflight(const pb::ProviderUpdate& message);
    static TxCode apply(Context& context, const pb::ProviderUpdate& message);
};

// No new slots until the operator sends ProviderUpdate{active = true}.
void suspend(Context& context, const Address& owner, std::string_view reason);
// A slot began (+1) or ended (-1) to occupy the device.
void change_busy(Context& context, const Address& owner, int change);

}  // namespace assay::contracts
