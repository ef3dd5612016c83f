#include "ledger/audit/dispute.h"

#include "ledger/anchor.h"
#include "ledger/block_check.h"
#include "ledger/codec/block.h"
#include "ledger/codec/canonical.h"

namespace assay::ledger {

Result<std::string> explain_block(const pb::Block& block, const ChainTip& tip, const Rules& rules,
                                  LocalApplication& app, const Database& database,
                                  const ExplainBlock& explain) {
    const ProposedBlock proposal = proposal_of(block, tip);
    const std::string& chain_id = block.header().chain_id();
    const uint32_t app_version = app.info().app_version;
    const BlockInfo info = info_of(proposal, app.genesis(), app_version);
    const auto before = app.committed_state();
    const auto decoded = app.verifier().verify_all(proposal.transactions, chain_id);
    WorkerPool pool(1);
    ASSAY_ASSIGN(ExecutedBlock executed, Executor(rules, pool).run_block(info, decoded, *before));
    add_anchor(proposal, executed.results, app_version, *before, executed.changes);
    const Hash256 params_hash = genesis_hash(app.genesis());
    const auto app_hash_with = [&](const State::Changes& changes,
                                   const std::vector<pb::Event>& events) -> Result<Hash256> {
        std::vector<Bytes> leaves;
        leaves.reserve(events.size());
        for (const pb::Event& event : events) leaves.push_back(encode_message(event));
        ASSAY_ASSIGN(const PreparedCommit prepared,
                     database.prepare(proposal.height, changes, leaves, params_hash));
        return prepared.record.app_hash;
    };
    const DisputedBlock disputed{block, *before, std::move(executed.changes),
                                 std::move(executed.events), app_hash_with};
    return explain(disputed);
}

}  // namespace assay::ledger
