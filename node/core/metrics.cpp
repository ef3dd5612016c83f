#include "node/core/metrics.h"

#include "contracts/queries.h"

namespace assay::node {
namespace {

void gauge(std::string& text, const char* name, const char* help, uint64_t value) {
    text += std::string("# HELP ") + name + " " + help + "\n# TYPE " + name + " gauge\n" + name +
            " " + std::to_string(value) + "\n";
}

}  // namespace

std::string metrics_text(const ledger::Engine& engine, const ledger::Application& application,
                         const BlobStore& blobs, size_t missing_artifacts, size_t live_slots) {
    std::string text;
    gauge(text, "assay_ledger_height", "Last committed block", engine.height());
    gauge(text, "assay_mempool_transactions", "Transactions waiting", engine.mempool_size());
    gauge(text, "assay_engine_failed", "1 after the engine stopped for good",
          engine.failure().empty() ? 0 : 1);
    if (const auto view = application.committed_state()) {
        const auto totals = contracts::get_totals(*view);
        gauge(text, "assay_supply_micro", "Minted minus burnt", totals.supply());
        gauge(text, "assay_burnt_micro", "Burnt so far", totals.burnt());
        gauge(text, "assay_escrow_locked_micro", "Escrow of open jobs", totals.escrowed());
        gauge(text, "assay_stake_bonded_micro", "Bonded stake", totals.bonded());
        gauge(text, "assay_stake_locked_micro", "Stake in live slots", totals.locked());
        gauge(text, "assay_fees_collected_micro", "Fees charged so far", totals.fees_collected());
    }
    gauge(text, "assay_blob_bytes", "Artifacts stored", blobs.usage_bytes());
    gauge(text, "assay_artifacts_missing", "Accepted artifacts not fetched yet", missing_artifacts);
    gauge(text, "assay_agent_slots", "Live slots of the provider agent", live_slots);
    return text;
}

}  // namespace assay::node
