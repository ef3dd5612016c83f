#include "node/audit/replayed_ledger.h"

#include "contracts/rules.h"
#include "node/audit/explain.h"
#include "node/audit/votes.h"

namespace assay::node {

namespace fs = std::filesystem;

Result<std::unique_ptr<ReplayedLedger>> ReplayedLedger::open(const fs::path& file,
                                                             const OnHeight& on_height) {
    return open(file, contracts::ContractRules(), on_height);
}

Result<std::unique_ptr<ReplayedLedger>> ReplayedLedger::open(const fs::path& file,
                                                             const ledger::Rules& rules,
                                                             const OnHeight& on_height) {
    ASSAY_ASSIGN(auto folder, ScratchFolder::make({}, "assay-audit-"));
    std::unique_ptr<ReplayedLedger> ledger(new ReplayedLedger(std::move(folder)));
    ledger::ReplayOptions options;
    options.directory = (ledger->folder_.path() / "ledger").string();
    options.explain = explain_block;
    VoteBook votes;
    options.on_block = [&](const ledger::CommittedBlock& block) {
        votes.add(block);
        if (on_height) on_height(block.block.header().height());
    };
    ASSAY_ASSIGN(ledger->report_, ledger::replay_export(file.string(), rules, options));
    ASSAY_ASSIGN(ledger->database_, ledger::Database::open(options.directory));
    ledger->state_ = ledger->database_->snapshot();
    if (const auto broken = rules.broken_global_invariant(*ledger->state_)) {
        return fail(Code::kCorrupt, "final state: " + *broken);
    }
    ASSAY_RETURN_IF_ERROR(votes.check(*ledger->state_));
    return ledger;
}

}  // namespace assay::node
