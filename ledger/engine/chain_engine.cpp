#include "ledger/engine/chain_engine.h"

#include "ledger/anchor.h"
#include "ledger/codec/canonical.h"

namespace assay::ledger {
namespace {

CheckResult refuse(CheckResult result, TxCode code, std::string log = {}) {
    result.code = code;
    result.log = log.empty() ? std::string(tx_code_remedy(code)) : std::move(log);
    return result;
}

}  // namespace

Status ChainEngine::open_chain(const pb::Genesis& genesis) {
    const auto started = app_.init_chain(genesis);
    if (!started) return started.error();
    ASSAY_RETURN_IF_ERROR(app_.check_version());
    return find_head();
}

Status ChainEngine::find_head() {
    ChainTip tip = genesis_tip(app_.genesis());
    const uint64_t last = database_.height();
    if (last > 0 && last == database_.restored_height()) {
        const auto stored = app_.committed_state()->get(anchor_key());
        if (!stored) return fail(Code::kCorrupt, "database: a snapshot without its anchor");
        ASSAY_ASSIGN(const Anchor anchor, decode_anchor(*stored));
        tip = tip_of(header_of(anchor, database_.last().app_hash, app_.genesis()));
    } else if (last > 0) {
        ASSAY_ASSIGN(const Bytes encoded, database_.block(last));
        ASSAY_ASSIGN(const pb::Block block, decode_block(encoded));
        tip = tip_of(block.header());
    }
    const std::lock_guard lock(head_mutex_);
    tip_ = tip;
    return {};
}

uint64_t ChainEngine::height() const {
    return tip().height;
}

uint64_t ChainEngine::lowest_height() const {
    return database_.lowest_block();
}

Hash256 ChainEngine::head_hash() const {
    return tip().hash;
}

ChainTip ChainEngine::tip() const {
    const std::lock_guard lock(head_mutex_);
    return tip_;
}

Result<Bytes> ChainEngine::encoded_block(uint64_t height) const {
    if (height == 0 || height > this->height())
        return fail(Code::kNotFound, "block " + std::to_string(height) +
                                         ": the chain has heights 1 to " +
                                         std::to_string(this->height()));
    if (height < lowest_height())
        return fail(Code::kNotFound, "block " + std::to_string(height) +
                                         ": this node has blocks from height " +
                                         std::to_string(lowest_height()) +
                                         " on (it began with a snapshot, or keepBlocks is set). "
                                         "Remedy: ask a node that has every block");
    return database_.block(height);
}

Result<CommittedBlock> ChainEngine::block(uint64_t height) const {
    ASSAY_ASSIGN(const Bytes encoded, encoded_block(height));
    CommittedBlock committed;
    ASSAY_ASSIGN(committed.block, decode_block(encoded));
    committed.hash = header_hash(committed.block.header());
    ASSAY_ASSIGN(const std::vector<Bytes> events, database_.events_at(height));
    committed.events.reserve(events.size());
    for (const Bytes& event : events) {
        ASSAY_ASSIGN(pb::Event decoded,
                     decode_canonical<pb::Event>(event, kMaxEventBytes, "event"));
        committed.events.push_back(std::move(decoded));
    }
    return committed;
}

std::optional<TxLocation> ChainEngine::find_tx(const Hash256& hash) const {
    const auto position = database_.find_tx(hash);
    if (!position) return std::nullopt;
    const auto encoded = database_.block(position->height);
    if (!encoded) return std::nullopt;
    const auto block = decode_block(*encoded);
    if (!block || position->index >= static_cast<uint32_t>(block->results_size()))
        return std::nullopt;
    return TxLocation{position->height, position->index,
                      block->results(static_cast<int>(position->index))};
}

size_t ChainEngine::mempool_size() const {
    const std::lock_guard lock(mempool_mutex_);
    return mempool_.size();
}

uint64_t ChainEngine::next_nonce(const Address& sender) const {
    const std::lock_guard lock(mempool_mutex_);
    return app_.next_nonce(sender);
}

CheckResult ChainEngine::admit(ByteView tx) {
    if (const std::string why = failure(); !why.empty()) {
        CheckResult stopped;
        stopped.hash = tx_hash(tx);
        return refuse(stopped, TxCode::kNotAccepting, "the engine has stopped: " + why);
    }
    // The signature is recovered here, outside the lock and remembered for the check below.
    const DecodedTx decoded = app_.verifier().verify(tx, app_.genesis().chain_id());
    CheckResult result;
    result.hash = decoded.tx.hash;
    result.sender = decoded.tx.sender;
    result.nonce = decoded.tx.body.nonce();
    result.fee = decoded.tx.body.fee();
    if (decoded.code != TxCode::kOk) return refuse(result, decoded.code, decoded.log);

    const std::lock_guard lock(mempool_mutex_);
    if (mempool_.contains(result.hash)) return refuse(result, TxCode::kAlreadyPending);
    if (const TxCode code = mempool_.can_add(tx.size()); code != TxCode::kOk)
        return refuse(result, code);
    if (!mempool_.has_room_for(result.sender))
        return refuse(result, TxCode::kMempoolFull,
                      "this sender has as many transactions waiting as one sender may have");
    result = app_.check_tx(tx, false);
    if (result.code == TxCode::kOk) mempool_.add(tx, result);
    return result;
}

CheckResult ChainEngine::check(ByteView tx, bool recheck) {
    (void)app_.verifier().verify(tx, app_.genesis().chain_id());  // outside the lock, remembered
    const std::lock_guard lock(mempool_mutex_);
    return app_.check_tx(tx, recheck);
}

pb::Block ChainEngine::block_of(const ProposedBlock& proposal,
                                const FinalizedBlock& executed) const {
    pb::Block block;
    pb::BlockHeader& header = *block.mutable_header();
    header.set_chain_id(genesis().chain_id());
    header.set_app_version(executed.app_version);
    header.set_height(proposal.height);
    header.set_time_ms(proposal.time_ms);
    header.set_previous_hash(std::string(text_of(proposal.previous_hash.view())));
    const auto transactions = transactions_root(proposal.transactions);
    header.set_transactions_root(std::string(text_of(transactions.view())));
    const auto results = results_root(executed.results);
    header.set_results_root(std::string(text_of(results.view())));
    header.set_app_hash(std::string(text_of(executed.app_hash.view())));
    for (const Bytes& tx : proposal.transactions) block.add_transactions(std::string(text_of(tx)));
    for (const pb::TxResult& result : executed.results) *block.add_results() = result;
    for (const Misbehavior& each : proposal.misbehavior) {
        pb::Misbehavior& stored = *block.add_misbehavior();
        stored.set_consensus_address(std::string(text_of(each.consensus_address)));
        stored.set_height(each.height);
    }
    return block;
}

Result<ChainEngine::Execution> ChainEngine::execute_candidates(
    std::vector<Bytes> candidates, uint64_t time_ms, uint64_t max_bytes,
    std::vector<Misbehavior> misbehavior) {
    Execution execution;
    execution.proposal = proposal_after(tip());
    execution.proposal.time_ms = time_ms;
    execution.proposal.misbehavior = std::move(misbehavior);
    execution.proposal.transactions = app_.prepare_proposal(std::move(candidates), max_bytes);
    ASSAY_ASSIGN(execution.outcome, app_.finalize_block(execution.proposal));

    // What turned out not to be includable (an account emptied by an earlier transaction, say) had
    // no effect; a second run without it gives the same state and a valid block.
    std::vector<Bytes> included;
    for (size_t i = 0; i < execution.outcome.results.size(); ++i) {
        const auto code = static_cast<TxCode>(execution.outcome.results[i].code());
        Bytes& tx = execution.proposal.transactions[i];
        if (is_included(code))
            included.push_back(std::move(tx));
        else
            execution.refused.push_back(tx_hash(tx));
    }
    execution.proposal.transactions = std::move(included);
    if (!execution.refused.empty()) {
        ASSAY_ASSIGN(execution.outcome, app_.finalize_block(execution.proposal));
    }
    return execution;
}

void ChainEngine::forget(const CheckResult& admitted) {
    const std::lock_guard lock(mempool_mutex_);
    mempool_.remove(admitted.hash);
    app_.release_nonce(admitted.sender, admitted.nonce, admitted.fee);
}

std::vector<Bytes> ChainEngine::mempool_candidates(size_t max_count) const {
    const std::lock_guard lock(mempool_mutex_);
    return mempool_.oldest(max_count, 2 * kMaxBlockTxBytes);
}

Result<CommittedBlock> ChainEngine::commit_block(pb::Block block, FinalizedBlock executed,
                                                 const std::vector<Hash256>& refused) {
    ASSAY_ASSIGN(Bytes encoded, encode_block(block));
    app_.attach_block(std::move(encoded));
    CommittedBlock committed;
    committed.block = std::move(block);
    committed.hash = header_hash(committed.block.header());
    committed.events = std::move(executed.events);
    {
        const std::lock_guard lock(mempool_mutex_);
        ASSAY_RETURN_IF_ERROR(app_.commit());
        for (const std::string& tx : committed.block.transactions())
            mempool_.remove(tx_hash(view_of(tx)));
        for (const Hash256& hash : refused) mempool_.remove(hash);
        mempool_.retain(
            [this](ByteView raw) { return app_.check_tx(raw, true).code == TxCode::kOk; });
        if (has_mempool_) app_.end_rechecks();
        const std::lock_guard head_lock(head_mutex_);
        tip_ = {committed.block.header().height(), committed.block.header().time_ms(),
                committed.hash};
    }
    notify(committed);
    return committed;
}

uint64_t ChainEngine::subscribe(Listener listener) {
    const std::lock_guard lock(listeners_mutex_);
    listeners_[next_token_] = std::move(listener);
    return next_token_++;
}

void ChainEngine::unsubscribe(uint64_t token) {
    const std::lock_guard lock(listeners_mutex_);
    listeners_.erase(token);
}

void ChainEngine::notify(const CommittedBlock& block) {
    const std::lock_guard lock(listeners_mutex_);
    // By token and by copy: a listener may unsubscribe itself while it runs.
    for (auto it = listeners_.begin(); it != listeners_.end();) {
        const uint64_t token = it->first;
        const Listener listener = it->second;
        listener(block);
        it = listeners_.upper_bound(token);
    }
}

std::string ChainEngine::failure() const {
    const std::lock_guard lock(head_mutex_);
    return failure_;
}

void ChainEngine::set_failure(const Error& error) {
    const std::lock_guard lock(head_mutex_);
    if (failure_.empty()) failure_ = error.message;
}

}  // namespace assay::ledger
