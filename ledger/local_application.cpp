#include "ledger/local_application.h"

#include <algorithm>
#include <limits>
#include <queue>

#include "ledger/anchor.h"
#include "ledger/block_check.h"
#include "ledger/codec/block.h"
#include "ledger/codec/canonical.h"
#include "ledger/codec/transaction.h"
#include "ledger/crypto/hash.h"

namespace assay::ledger {
namespace {

// Tag and length of one transaction inside the block message.
constexpr uint64_t kTxFramingBytes = 5;

Hash256 identity_of(const ProposedBlock& block) {
    Bytes text;
    append_be64(text, block.height);
    append_be64(text, block.time_ms);
    append(text, block.previous_hash.view());
    append(text, transactions_root(block.transactions).view());
    for (const Misbehavior& each : block.misbehavior) {
        append(text, each.consensus_address);
        append_be64(text, each.height);
    }
    return sha256(text);
}

}  // namespace

Result<std::unique_ptr<LocalApplication>> LocalApplication::open(
    const Rules& rules, Database& database, const LocalApplicationOptions& options) {
    std::unique_ptr<LocalApplication> app(new LocalApplication(rules, database, options));
    if (!database.empty()) {
        const auto stored = database.get_meta(std::string(kGenesisMetaName));
        if (!stored) return fail(Code::kCorrupt, "database: holds blocks but no genesis document");
        ASSAY_ASSIGN(app->genesis_, decode_genesis(*stored));
        app->genesis_hash_ = genesis_hash(app->genesis_);
        if (database.last().parts.params_hash != app->genesis_hash_)
            return fail(Code::kCorrupt, "database: app hash does not bind the stored genesis");
        app->snapshots_.drop_foreign(app->genesis_hash_, database.height());
    }
    app->load_committed();
    return app;
}

void LocalApplication::load_committed() {
    const std::lock_guard lock(committed_mutex_);
    committed_ = database_.snapshot();
    const CommitRecord record = database_.last();
    info_.chain_id = genesis_.chain_id();
    const uint32_t version = version_at(*committed_, record.height + 1);
    rules_changed_ = version != info_.app_version;
    info_.app_version = version;
    info_.height = record.height;
    info_.app_hash = record.app_hash;
}

bool LocalApplication::rules_changed() const {
    const std::lock_guard lock(committed_mutex_);
    return rules_changed_;
}

uint32_t LocalApplication::version_at(const ReadView& before, uint64_t height) const {
    return rules_.upgraded_version(before, height).value_or(genesis_.app_version());
}

Status LocalApplication::check_version() const {
    const AppInfo head = info();
    const uint32_t newest = rules_.newest_version();
    if (head.app_version >= kOldestAppVersion && head.app_version <= newest) return {};
    return fail(
        Code::kUnsupported,
        "height " + std::to_string(head.height + 1) + " needs rules of version " +
            std::to_string(head.app_version) + ", this program knows " +
            (newest == kOldestAppVersion ? "" : std::to_string(kOldestAppVersion) + " to ") +
            std::to_string(newest) +
            ". Remedy: the assay release for them (docs/operations.md, Upgrading)");
}

AppInfo LocalApplication::info() const {
    const std::lock_guard lock(committed_mutex_);
    return info_;
}

std::shared_ptr<const ReadView> LocalApplication::committed_state() const {
    const std::lock_guard lock(committed_mutex_);
    return committed_;
}

Result<Hash256> LocalApplication::init_chain(const pb::Genesis& genesis) {
    ASSAY_ASSIGN(Bytes encoded, encode_genesis(genesis));
    const Hash256 hash = genesis_hash(genesis);
    if (!database_.empty()) {
        if (hash != genesis_hash_)
            return fail(Code::kConflict, "init_chain: the database holds chain '" +
                                             genesis_.chain_id() +
                                             "' with another genesis; use a new directory");
        // Of height 0, or of the snapshot that took its place.
        ASSAY_ASSIGN(const CommitRecord record,
                     database_.record(database_.restored_height().value_or(0)));
        return record.app_hash;
    }
    const auto empty = database_.snapshot();
    ASSAY_ASSIGN(State::Changes changes, executor_.run_genesis(genesis, *empty));
    ASSAY_ASSIGN(const PreparedCommit prepared, database_.prepare(0, std::move(changes), {}, hash));
    BlockRecord record;
    record.meta[std::string(kGenesisMetaName)] = std::move(encoded);
    ASSAY_RETURN_IF_ERROR(database_.commit(prepared, record));
    genesis_ = genesis;
    genesis_hash_ = hash;
    snapshots_.drop_foreign(hash, 0);
    load_committed();
    return prepared.record.app_hash;
}

CheckResult LocalApplication::check_tx(ByteView raw, bool recheck) {
    const AppInfo head = info();
    DecodedTx decoded = verifier_.verify(raw, head.chain_id);
    const CheckedTx& tx = decoded.tx;
    CheckResult result;
    result.code = decoded.code;
    result.log = std::move(decoded.log);
    result.hash = tx.hash;
    if (decoded.code != TxCode::kOk) return result;
    result.sender = tx.sender;
    result.nonce = tx.body.nonce();
    result.fee = tx.body.fee();
    result.code = check_expiry(tx.body, head.height + 1);
    // Bytes do not change while they wait: a recheck looks at the state, and under other rules at
    // the bytes again.
    if (result.code == TxCode::kOk && (!recheck || rules_changed()))
        result.code = rules_.preflight(tx, head.app_version, result.log);
    if (result.code == TxCode::kOk) result.code = check_nonce_and_fee(tx, recheck, result.log);
    if (result.code != TxCode::kOk && recheck) {  // it is dropped, and those after it with it
        const std::lock_guard lock(check_mutex_);
        if (const auto it = before_commit_.find(tx.sender); it != before_commit_.end())
            it->second.next_nonce = std::min(it->second.next_nonce, tx.body.nonce());
    }
    if (result.code != TxCode::kOk && result.log.empty()) result.log = tx_code_remedy(result.code);
    return result;
}

TxCode LocalApplication::check_nonce_and_fee(const CheckedTx& tx, bool recheck, std::string& log) {
    const auto state = committed_state();
    const std::lock_guard lock(check_mutex_);
    if (!recheck) before_commit_.clear();  // the rechecks are over
    const uint64_t account_nonce = rules_.next_nonce(tx.sender, *state);
    Pending pending;
    if (const auto it = pending_.find(tx.sender); it != pending_.end()) pending = it->second;
    const uint64_t expected = std::max(account_nonce, pending.next_nonce);
    const uint64_t nonce = tx.body.nonce();
    if (nonce != expected) {
        log = "body.nonce: is " + std::to_string(nonce) + ", the next one is " +
              std::to_string(expected);
        if (nonce > expected) return TxCode::kNonceGap;
        return nonce < account_nonce ? TxCode::kNonceUsed : TxCode::kAlreadyPending;
    }
    // The transactions before it are not executed yet: ask as if it were the next one, ...
    CheckedTx as_next = tx;
    as_next.body.set_nonce(account_nonce);
    TxCode code = rules_.preclaim(as_next, *state);
    const uint64_t fee = tx.body.fee();
    if (code == TxCode::kOk && pending.fees > 0) {
        // ... and as if it paid for those too: nobody may fill blocks with what it cannot pay.
        const uint64_t room = std::numeric_limits<uint64_t>::max() - pending.fees;
        as_next.body.set_fee(pending.fees + std::min(fee, room));
        code = rules_.preclaim(as_next, *state);
        if (code == TxCode::kCannotPayFee) {
            log = "body.fee: is " + std::to_string(fee) +
                  ", and the sender's waiting transactions pay " + std::to_string(pending.fees) +
                  "; its balance does not cover the sum";
        }
    }
    if (code == TxCode::kOk) pending_[tx.sender] = {nonce + 1, pending.fees + fee};
    return code;
}

void LocalApplication::end_rechecks() {
    const std::lock_guard lock(check_mutex_);
    before_commit_.clear();
}

void LocalApplication::forget_pending() {
    const std::lock_guard lock(check_mutex_);
    pending_.clear();
    before_commit_.clear();
}

uint64_t LocalApplication::next_nonce(const Address& sender) const {
    const auto state = committed_state();
    const std::lock_guard lock(check_mutex_);
    const uint64_t account_nonce = rules_.next_nonce(sender, *state);
    uint64_t nonce = account_nonce;
    for (const auto* reserved : {&pending_, &before_commit_}) {
        if (const auto it = reserved->find(sender); it != reserved->end())
            nonce = std::max(nonce, it->second.next_nonce);
    }
    return nonce;
}

void LocalApplication::release_nonce(const Address& sender, uint64_t nonce, uint64_t fee) {
    const std::lock_guard lock(check_mutex_);
    const auto it = pending_.find(sender);
    if (it == pending_.end() || it->second.next_nonce != nonce + 1) return;
    it->second.next_nonce = nonce;
    it->second.fees -= std::min(fee, it->second.fees);
}

std::vector<Bytes> LocalApplication::prepare_proposal(std::vector<Bytes> candidates,
                                                      uint64_t max_bytes) {
    const AppInfo head = info();
    const std::vector<DecodedTx> decoded = verifier_.verify_all(candidates, head.chain_id);
    std::map<Address, std::vector<size_t>> by_sender;
    for (size_t i = 0; i < decoded.size(); ++i) {
        if (decoded[i].code != TxCode::kOk) continue;
        if (check_expiry(decoded[i].tx.body, head.height + 1) != TxCode::kOk) continue;
        by_sender[decoded[i].tx.sender].push_back(i);
    }
    const auto less_urgent = [&](size_t a, size_t b) {
        const uint64_t fee_a = decoded[a].tx.body.fee();
        const uint64_t fee_b = decoded[b].tx.body.fee();
        return fee_a != fee_b ? fee_a < fee_b : a > b;
    };
    std::priority_queue<size_t, std::vector<size_t>, decltype(less_urgent)> heads(less_urgent);
    for (auto& [sender, queue] : by_sender) {
        // Highest nonce first, so that the next one is taken from the back.
        std::sort(queue.begin(), queue.end(), [&](size_t a, size_t b) {
            return decoded[a].tx.body.nonce() > decoded[b].tx.body.nonce();
        });
        heads.push(queue.back());
    }
    std::vector<Bytes> chosen;
    uint64_t used_bytes = 0;
    while (!heads.empty() && chosen.size() < kMaxBlockTransactions) {
        const size_t head_index = heads.top();
        heads.pop();
        const uint64_t size = candidates[head_index].size() + kTxFramingBytes;
        // One that does not fit holds back the rest of its sender, whose nonces come after it.
        if (used_bytes + size > max_bytes) continue;
        used_bytes += size;
        chosen.push_back(std::move(candidates[head_index]));
        std::vector<size_t>& queue = by_sender[decoded[head_index].tx.sender];
        queue.pop_back();
        if (!queue.empty()) heads.push(queue.back());
    }
    return chosen;
}

Result<bool> LocalApplication::process_proposal(const ProposedBlock& block) {
    ASSAY_ASSIGN(const FinalizedBlock finalized, finalize_block(block));
    return std::all_of(
        finalized.results.begin(), finalized.results.end(),
        [](const pb::TxResult& result) { return is_included(static_cast<TxCode>(result.code())); });
}

Result<FinalizedBlock> LocalApplication::finalize_block(const ProposedBlock& block) {
    if (!finalized_ || finalized_->identity != identity_of(block)) {
        finalized_.reset();
        ASSAY_ASSIGN(finalized_, execute(block));
    }
    return finalized_->block;
}

Result<LocalApplication::Finalized> LocalApplication::execute(const ProposedBlock& block) {
    const AppInfo head = info();
    if (database_.empty()) return fail(Code::kConflict, "finalize_block: init_chain comes first");
    if (block.height != head.height + 1) {
        return fail(Code::kConflict, "finalize_block: height " + std::to_string(block.height) +
                                         " does not follow " + std::to_string(head.height));
    }
    if (block.transactions.size() > kMaxBlockTransactions) {
        return fail(Code::kLimit, "finalize_block: " + std::to_string(block.transactions.size()) +
                                      " transactions exceed the limit of " +
                                      std::to_string(kMaxBlockTransactions));
    }
    ASSAY_RETURN_IF_ERROR(check_version());
    const BlockInfo info = info_of(block, genesis_, head.app_version);
    const auto decoded = verifier_.verify_all(block.transactions, head.chain_id);
    on_stage_(BlockStage::kSignatures);
    const auto before = committed_state();
    ASSAY_ASSIGN(ExecutedBlock executed, executor_.run_block(info, decoded, *before));

    add_anchor(block, executed.results, head.app_version, *before, executed.changes);
    State after(*before);
    after.merge(std::move(executed.changes));

    std::vector<Bytes> encoded_events;
    encoded_events.reserve(executed.events.size());
    for (const pb::Event& event : executed.events) encoded_events.push_back(encode_message(event));

    Finalized finalized;
    finalized.identity = identity_of(block);
    finalized.block.next_app_version = version_at(after, block.height + 1);
    on_stage_(BlockStage::kRules);
    ASSAY_ASSIGN(finalized.prepared, database_.prepare(block.height, std::move(after).changes(),
                                                       std::move(encoded_events), genesis_hash_));
    on_stage_(BlockStage::kTree);
    finalized.block.app_hash = finalized.prepared.record.app_hash;
    finalized.block.app_version = head.app_version;
    finalized.block.results = std::move(executed.results);
    finalized.block.events = std::move(executed.events);
    finalized.block.validator_updates = std::move(executed.validator_updates);
    finalized.block.refusal = std::move(executed.refusal);
    finalized.tx_hashes.reserve(decoded.size());
    for (const DecodedTx& tx : decoded) finalized.tx_hashes.push_back(tx.tx.hash);
    return finalized;
}

Status LocalApplication::commit() {
    if (!finalized_) return fail(Code::kConflict, "commit: no finalized block");
    BlockRecord record;
    record.encoded_block = std::move(attached_block_);
    record.tx_hashes = std::move(finalized_->tx_hashes);
    attached_block_.clear();
    record.forgotten = blocks_to_forget(finalized_->prepared.record.height);
    const PreparedCommit prepared = std::move(finalized_->prepared);
    finalized_.reset();
    ASSAY_RETURN_IF_ERROR(database_.commit(prepared, record));
    on_stage_(BlockStage::kStore);
    load_committed();
    const bool anchored = prepared.record.tree_version == prepared.record.height;
    if (anchored) snapshots_.committed(database_);
    const std::lock_guard lock(check_mutex_);
    before_commit_ = std::move(pending_);
    pending_.clear();
    return {};
}

// Not the blocks that a node goes on with after a snapshot from here, nor many at a time.
ForgottenBlocks LocalApplication::blocks_to_forget(uint64_t height) const {
    constexpr uint64_t kMaxForgottenPerCommit = 16;
    ForgottenBlocks forgotten;
    if (keep_blocks_ == 0 || height <= keep_blocks_) return forgotten;
    const uint64_t lowest = database_.lowest_block();
    uint64_t below = std::min(height - keep_blocks_ + 1, lowest + kMaxForgottenPerCommit);
    if (const auto oldest = snapshots_.oldest()) below = std::min(below, *oldest);
    for (uint64_t at = lowest; at < below; ++at) {
        const auto encoded = database_.block(at);
        const auto block = encoded ? decode_block(*encoded) : Result<pb::Block>(encoded.error());
        if (!block) continue;  // damaged, and to be deleted: its index rows lead nowhere
        for (const std::string& tx : block->transactions())
            forgotten.tx_hashes.push_back(tx_hash(view_of(tx)));
    }
    if (below > lowest) forgotten.below = below;
    return forgotten;
}

uint64_t LocalApplication::retain_height() const {
    return keep_blocks_ == 0 ? 0 : database_.lowest_block();
}

std::vector<SnapshotInfo> LocalApplication::list_snapshots() const {
    return snapshots_.list();
}

Result<Bytes> LocalApplication::load_snapshot_chunk(uint64_t height, uint32_t format,
                                                    uint32_t index) const {
    return snapshots_.chunk(height, format, index);
}

Status LocalApplication::offer_snapshot(const SnapshotInfo& snapshot, const Hash256& app_hash) {
    restore_.reset();
    // An engine that ended between our last chunk and its own first state offers one again.
    const uint64_t height = info().height;
    if (height != 0 && height != database_.restored_height())
        return fail(Code::kConflict, "offer_snapshot: this node has blocks already");
    if (snapshot.height == 0)
        return fail(Code::kInvalidArgument, "offer_snapshot: height 0 is the genesis's");
    if (snapshot.format != kSnapshotFormat)
        return fail(Code::kUnsupported, "offer_snapshot: format " +
                                            std::to_string(snapshot.format) + ", this node knows " +
                                            std::to_string(kSnapshotFormat));
    if (snapshot.hash != sha256(snapshot.manifest))
        return fail(Code::kCorrupt, "offer_snapshot: its hash is not its manifest's");
    ASSAY_ASSIGN(SnapshotManifest manifest, decode_manifest(snapshot.manifest));
    if (app_hash_of(manifest.parts) != app_hash)
        return fail(Code::kCorrupt, "offer_snapshot: it leads to another app hash");
    if (manifest.parts.params_hash != genesis_hash_)
        return fail(Code::kCorrupt, "offer_snapshot: it is of a chain with another genesis");
    if (manifest.chunks.size() != snapshot.chunks)
        return fail(Code::kCorrupt, "offer_snapshot: wrong number of chunks");
    ASSAY_ASSIGN(restore_, database_.begin_restore(std::move(manifest), snapshot.height));
    return {};
}

Result<bool> LocalApplication::apply_snapshot_chunk(uint32_t index, ByteView chunk) {
    if (!restore_) return fail(Code::kConflict, "apply_snapshot_chunk: no snapshot was offered");
    ASSAY_RETURN_IF_ERROR(restore_->add(index, chunk));
    // The height is a claim until the anchor is there: do not fetch the rest for a wrong one.
    if (index == restore_->chunk_of(anchor_key())) {
        if (const Status anchored = check_restored_anchor(); !anchored.ok()) {
            restore_.reset();
            return anchored.error();
        }
    }
    if (!restore_->complete()) return false;
    ASSAY_RETURN_IF_ERROR(finish_restore());
    return true;
}

Status LocalApplication::check_restored_anchor() const {
    const auto value = restore_->state()->get(anchor_key());
    if (!value) return fail(Code::kConflict, "snapshot: its state has no anchor");
    const auto anchor = decode_anchor(*value);
    if (!anchor) return fail(Code::kConflict, "snapshot: " + anchor.error().message);
    if (anchor->height != restore_->height())
        return fail(Code::kConflict, "snapshot: is said to be of height " +
                                         std::to_string(restore_->height()) + ", its anchor says " +
                                         std::to_string(anchor->height));
    return {};
}

Status LocalApplication::finish_restore() {
    const auto restore = std::move(restore_);
    ASSAY_ASSIGN(Bytes genesis, encode_genesis(genesis_));
    ASSAY_RETURN_IF_ERROR(restore->finish({{std::string(kGenesisMetaName), std::move(genesis)}}));
    load_committed();
    return {};
}

Result<QueryReply> LocalApplication::query(const QueryRequest& request) const {
    QueryReply reply;
    if (request.path == "state") {
        ASSAY_ASSIGN(StateProofReply proven, database_.prove_state(request.data, request.height));
        reply.height = proven.height;
        reply.value = std::move(proven.value);
        if (request.prove) reply.proof = std::move(proven.proof);
    } else if (request.path == "log") {
        if (request.data.size() != sizeof(uint64_t))
            return fail(Code::kInvalidArgument, "query: the data of 'log' is an index of 8 bytes");
        const uint64_t index = read_be64(request.data);
        ASSAY_ASSIGN(LogProofReply proven, database_.prove_event(index, request.height));
        reply.height = proven.height;
        reply.value = std::move(proven.event);
        if (request.prove) reply.proof = std::move(proven.proof);
    } else if (request.path == "growth") {
        if (request.data.size() != sizeof(uint64_t))
            return fail(Code::kInvalidArgument,
                        "query: the data of 'growth' is a height of 8 bytes");
        reply.height = request.height == 0 ? database_.height() : request.height;
        ASSAY_ASSIGN(reply.proof,
                     database_.prove_log_growth(read_be64(request.data), reply.height));
    } else {
        return fail(Code::kInvalidArgument,
                    "query: unknown path '" + request.path + "'; use 'state', 'log' or 'growth'");
    }
    ASSAY_ASSIGN(const CommitRecord record, database_.record(reply.height));
    reply.app_hash = record.app_hash;
    return reply;
}

}  // namespace assay::ledger
