#include "node/audit/replayed_ledger.h"

#include <unistd.h>

#include "contracts/rules.h"
#include "node/audit/votes.h"

namespace assay::node {

namespace fs = std::filesystem;

Result<std::unique_ptr<ReplayedLedger>> ReplayedLedger::open(const fs::path& file) {
    std::error_code error;
    std::string pattern = (fs::temp_directory_path(error) / "assay-audit-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) {
        return fail(Code::kIo, "cannot create a temporary folder like " + pattern);
    }
    std::unique_ptr<ReplayedLedger> ledger(new ReplayedLedger(pattern));
    const contracts::ContractRules rules;
    ledger::ReplayOptions options;
    options.directory = (ledger->folder_ / "ledger").string();
    ASSAY_ASSIGN(ledger->report_, ledger::replay_export(file.string(), rules, options));
    ASSAY_ASSIGN(ledger->database_, ledger::Database::open(options.directory));
    ledger->state_ = ledger->database_->snapshot();
    if (const auto broken = rules.broken_global_invariant(*ledger->state_)) {
        return fail(Code::kCorrupt, "final state: " + *broken);
    }
    ASSAY_RETURN_IF_ERROR(check_votes(*ledger->state_));
    return ledger;
}

ReplayedLedger::~ReplayedLedger() {
    state_.reset();
    database_.reset();
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
}

}  // namespace assay::node
