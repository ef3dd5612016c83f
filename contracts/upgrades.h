// Upgrades: which version of the rules executes the blocks from which height on.
//
// One version at a time: whoever orders blocks signals that its program knows the next one. The
// producer decides alone; under CometBFT it takes more than two thirds of the voting power. Then
// the new rules begin params.upgrade_delay_blocks later, unless one takes its signal back and two
// thirds or less are left. A program that does not know them stops there (ledger/rules.h). Threads:
// those of the context. Errors: TxCode.
#pragma once

#include "contracts/context.h"

namespace assay::contracts {

struct UpgradeSignalRule {
    using Message = pb::UpgradeSignal;
    static Status preflight(const pb::UpgradeSignal& message);
    static TxCode apply(Context& context, const pb::UpgradeSignal& message);
};

}  // namespace assay::contracts
