#include "ledger/state/database.h"

#include <algorithm>
#include <atomic>
#include <future>
#include <mutex>

#include "ledger/state/merkle_hash.h"
#include "ledger/state/node_cache.h"
#include "ledger/state/proof.h"

namespace assay::ledger {

namespace {

// Starting a thread costs about as much as taking in this many nodes.
constexpr size_t kMinNodesForTwoThreads = 256;

// The newest committed height: one immutable value, replaced as a whole by a commit.
struct Head {
    std::shared_ptr<const StoreView> view;
    std::optional<CommitRecord> last;  // nullopt: empty
    LogEdge edge;
};

Error missing_height(uint64_t height) {
    return fail(Code::kNotFound, "height " + std::to_string(height) + " is not committed here");
}

std::string limit_text(const char* what, size_t size, size_t limit) {
    return std::string(what) + " of " + std::to_string(size) + " bytes is above the limit of " +
           std::to_string(limit);
}

Status check_limits(const State::Changes& changes, const std::vector<Bytes>& events) {
    for (const auto& [key, value] : changes) {
        if (key.size() > kMaxStateKeyBytes)
            return fail(Code::kLimit, limit_text("state key", key.size(), kMaxStateKeyBytes));
        if (value && value->size() > kMaxStateValueBytes)
            return fail(Code::kLimit,
                        limit_text("state value", value->size(), kMaxStateValueBytes));
    }
    for (const Bytes& event : events)
        if (event.size() > kMaxEventBytes)
            return fail(Code::kLimit, limit_text("event", event.size(), kMaxEventBytes));
    return {};
}

std::vector<LeafChange> hashed_changes(const State::Changes& changes) {
    std::vector<LeafChange> hashed;
    hashed.reserve(changes.size());
    for (const auto& [key, value] : changes)
        hashed.push_back(
            {plain_hash(key), value ? std::optional(plain_hash(*value)) : std::nullopt});
    std::sort(hashed.begin(), hashed.end(),
              [](const LeafChange& a, const LeafChange& b) { return a.key_hash < b.key_hash; });
    return hashed;
}

}  // namespace

struct PreparedCommit::Plan {
    std::optional<uint64_t> base_height;  // nullopt: prepared on the empty database
    State::Changes changes;
    TreeUpdate tree;
    std::vector<Bytes> events;
    LogEdge::Written log_hashes;
    LogEdge edge;
};

class Database::Impl {
public:
    Impl(std::unique_ptr<Store> store, const DatabaseOptions& options)
        : options_(options), store_(std::move(store)), cache_(options.tree_cache_bytes) {}

    [[nodiscard]] std::shared_ptr<const Head> head() const {
        const std::lock_guard lock(mutex_);
        return head_;
    }
    void set_head(std::shared_ptr<const Head> head) {
        const std::lock_guard lock(mutex_);
        head_.swap(head);
    }
    // The record of `height` (0: the last one) as `head` sees it.
    static Result<CommitRecord> record_at(const Head& head, uint64_t height) {
        if (!head.last || height > head.last->height) return missing_height(height);
        if (height == 0 || height == head.last->height) return *head.last;
        return head.view->record(height);
    }

    const DatabaseOptions options_;
    std::unique_ptr<Store> store_;
    NodeCache cache_;
    std::atomic<bool> restoring_{false};

private:
    mutable std::mutex mutex_;  // guards head_
    std::shared_ptr<const Head> head_;
};

Database::Database(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Database::~Database() = default;

Result<std::unique_ptr<Database>> Database::open(const std::string& directory,
                                                 const DatabaseOptions& options) {
    ASSAY_ASSIGN(auto store, Store::open(directory));
    auto impl = std::make_unique<Impl>(std::move(store), options);
    auto head = std::make_shared<Head>();
    head->view = impl->store_->snapshot();
    ASSAY_ASSIGN(head->last, head->view->last());
    const uint64_t log_size = head->last ? head->last->parts.log_size : 0;
    ASSAY_ASSIGN(head->edge, LogEdge::load(*head->view, log_size));
    if (head->last && head->edge.root() != head->last->parts.log_root)
        return fail(Code::kCorrupt, "the ledger in " + directory + ": the event log does not " +
                                        "have the root of height " +
                                        std::to_string(head->last->height) +
                                        "; restore the directory from a peer");
    impl->set_head(std::move(head));
    return std::unique_ptr<Database>(new Database(std::move(impl)));
}

Result<PreparedCommit> Database::prepare(uint64_t height, State::Changes changes,
                                         std::vector<Bytes> events,
                                         const Hash256& params_hash) const {
    const auto head = impl_->head();
    if (head->last && height != head->last->height + 1)
        return fail(Code::kConflict, "height " + std::to_string(height) +
                                         " cannot follow the committed height " +
                                         std::to_string(head->last->height));
    ASSAY_RETURN_IF_ERROR(check_limits(changes, events));
    auto plan = std::make_shared<PreparedCommit::Plan>();
    std::optional<uint64_t> base;
    if (head->last) {
        plan->base_height = head->last->height;
        base = head->last->tree_version;
    }
    plan->edge = head->edge;
    for (const Bytes& event : events) plan->edge.append(log_leaf_hash(event), plan->log_hashes);
    const CachedReader reader(impl_->cache_, *head->view);
    ASSAY_ASSIGN(plan->tree, update_tree(reader, base, hashed_changes(changes), height));
    plan->changes = std::move(changes);
    plan->events = std::move(events);

    PreparedCommit prepared;
    CommitRecord& record = prepared.record;
    record.height = height;
    record.parts = {plan->tree.root, plan->edge.root(), plan->edge.size(), params_hash};
    record.app_hash = app_hash_of(record.parts);
    record.tree_version = plan->tree.root_version;
    prepared.first_event_index = head->edge.size();
    prepared.plan = std::move(plan);
    return prepared;
}

Status Database::commit(const PreparedCommit& prepared, const BlockRecord& block) {
    const auto head = impl_->head();
    const PreparedCommit::Plan& plan = *prepared.plan;
    if (impl_->restoring_)
        return fail(Code::kConflict, "a snapshot is being taken in; there is no block before it");
    const bool stale =
        head->last ? plan.base_height != head->last->height : plan.base_height.has_value();
    if (stale)
        return fail(Code::kConflict, "height " + std::to_string(prepared.record.height) +
                                         " was prepared before another block was committed; "
                                         "prepare it again");
    BlockWrite write;
    write.record = prepared.record;
    write.changes = &plan.changes;
    write.tree = &plan.tree;
    write.events = &plan.events;
    write.first_event_index = prepared.first_event_index;
    write.log_hashes = &plan.log_hashes;
    write.encoded_block = block.encoded_block;
    write.tx_hashes = &block.tx_hashes;
    write.meta = &block.meta;
    write.forgotten = &block.forgotten;
    const uint64_t keep = impl_->options_.proof_heights;
    if (keep != 0 && prepared.record.height > keep)
        write.prune_through = prepared.record.height - keep;
    // The cache tells versions apart, so it may know of a block that is then not stored.
    const bool is_large = plan.tree.written.size() >= kMinNodesForTwoThreads;
    auto cached = std::async(is_large ? std::launch::async : std::launch::deferred,
                             [&] { impl_->cache_.apply(plan.tree); });
    const Status stored = impl_->store_->commit(write, impl_->options_.sync);
    cached.get();
    if (!stored.ok()) return stored.error();

    auto next = std::make_shared<Head>();
    next->view = impl_->store_->snapshot();
    next->last = prepared.record;
    next->edge = plan.edge;
    impl_->set_head(std::move(next));
    return {};
}

bool Database::empty() const {
    return !impl_->head()->last;
}

uint64_t Database::height() const {
    return last().height;
}

CommitRecord Database::last() const {
    return impl_->head()->last.value_or(CommitRecord{});
}

Result<CommitRecord> Database::record(uint64_t height) const {
    const auto head = impl_->head();
    if (!head->last || height > head->last->height) return missing_height(height);
    return head->view->record(height);
}

std::optional<uint64_t> Database::restored_height() const {
    return impl_->head()->view->restored_height();
}

uint64_t Database::lowest_block() const {
    return impl_->head()->view->lowest_block();
}

std::shared_ptr<const ReadView> Database::snapshot() const {
    return impl_->head()->view;
}

Result<Bytes> Database::block(uint64_t height) const {
    return impl_->head()->view->block(height);
}

Result<Bytes> Database::event(uint64_t index) const {
    return impl_->head()->view->event(index);
}

Result<std::vector<Bytes>> Database::events_at(uint64_t height) const {
    const auto head = impl_->head();
    if (!head->last || height > head->last->height) return missing_height(height);
    ASSAY_ASSIGN(const CommitRecord record, head->view->record(height));
    uint64_t first = 0;  // the first committed block has no record before it
    if (height != 0) {
        const auto before = head->view->record(height - 1);
        if (before.ok())
            first = before->parts.log_size;
        else if (before.error().code != Code::kNotFound)
            return before.error();
    }
    std::vector<Bytes> events;
    for (uint64_t index = first; index < record.parts.log_size; ++index) {
        ASSAY_ASSIGN(Bytes event, head->view->event(index));
        events.push_back(std::move(event));
    }
    return events;
}

std::optional<TxPosition> Database::find_tx(const Hash256& hash) const {
    return impl_->head()->view->find_tx(hash);
}

std::optional<Bytes> Database::get_meta(const std::string& name) const {
    return impl_->head()->view->meta(name);
}

Result<StateProofReply> Database::prove_state(ByteView key, uint64_t height) const {
    const auto head = impl_->head();
    ASSAY_ASSIGN(const CommitRecord record, Impl::record_at(*head, height));
    const uint64_t lowest = head->view->lowest_tree_version();
    if (record.height < lowest)
        return fail(Code::kNotFound, "state proofs of height " + std::to_string(record.height) +
                                         " are pruned; the lowest here is " +
                                         std::to_string(lowest));
    ASSAY_ASSIGN(const TreeProof proof,
                 prove_key(*head->view, record.tree_version, plain_hash(key)));
    StateProofReply reply;
    reply.height = record.height;
    if (proof.end == ProofEnd::kSameKey) {
        reply.value = head->view->get(key);
        if (!reply.value || plain_hash(*reply.value) != proof.leaf->value_hash)
            return fail(Code::kNotFound, "the value at height " + std::to_string(record.height) +
                                             " was overwritten since; ask for the last height");
    }
    reply.proof = encode_app_hash_parts(record.parts);
    append(reply.proof, encode_tree_proof(proof));
    return reply;
}

Result<LogProofReply> Database::prove_event(uint64_t index, uint64_t height) const {
    const auto head = impl_->head();
    ASSAY_ASSIGN(const CommitRecord record, Impl::record_at(*head, height));
    ASSAY_ASSIGN(const Bytes proof, prove_log_inclusion(*head->view, index, record.parts.log_size));
    LogProofReply reply;
    reply.height = record.height;
    ASSAY_ASSIGN(reply.event, head->view->event(index));
    reply.proof = encode_app_hash_parts(record.parts);
    append(reply.proof, proof);
    return reply;
}

Result<Bytes> Database::prove_log_growth(uint64_t old_height, uint64_t new_height) const {
    const auto head = impl_->head();
    if (!head->last || std::max(old_height, new_height) > head->last->height)
        return missing_height(std::max(old_height, new_height));
    ASSAY_ASSIGN(const CommitRecord old_record, head->view->record(old_height));
    ASSAY_ASSIGN(const CommitRecord new_record, head->view->record(new_height));
    Bytes proof = encode_app_hash_parts(old_record.parts);
    append(proof, encode_app_hash_parts(new_record.parts));
    ASSAY_ASSIGN(const Bytes growth, prove_log_consistency(*head->view, old_record.parts.log_size,
                                                           new_record.parts.log_size));
    append(proof, growth);
    return proof;
}

StateSource Database::source() const {
    const auto head = impl_->head();
    return {head->view, head->last.value_or(CommitRecord{}), head->edge};
}

// What this node's own disk does wrong is no fault of who sent the snapshot.
static Status own_fault(const Status& status) {
    if (status.ok()) return status;
    return fail(Code::kIo, status.error().message);
}

Result<std::unique_ptr<Restore>> Database::begin_restore(SnapshotManifest manifest,
                                                         uint64_t height) {
    impl_->restoring_ = true;
    ASSAY_RETURN_IF_ERROR(own_fault(impl_->store_->begin_restore()));
    return std::unique_ptr<Restore>(new Restore(*this, std::move(manifest), height));
}

Restore::Restore(Database& database, SnapshotManifest manifest, uint64_t height)
    : database_(database),
      manifest_(std::move(manifest)),
      height_(height),
      subtrees_(manifest_.chunks.size()),
      missing_(subtrees_.size()) {}

Status Restore::add(size_t index, ByteView bytes) {
    ASSAY_ASSIGN(const SnapshotChunk chunk, decode_chunk(manifest_, index, bytes, height_));
    if (subtrees_[index]) return {};
    ASSAY_RETURN_IF_ERROR(
        own_fault(database_.impl_->store_->add_restored(chunk.pairs, chunk.nodes)));
    subtrees_[index] = chunk.subtree;
    --missing_;
    return {};
}

size_t Restore::chunk_of(ByteView key) const {
    return chunk_index(manifest_.chunks, plain_hash(key));
}

std::shared_ptr<const ReadView> Restore::state() const {
    return database_.impl_->store_->snapshot();
}

Status Restore::finish(const std::map<std::string, Bytes>& meta) {
    if (!complete())
        return fail(Code::kConflict,
                    "snapshot: " + std::to_string(missing_) + " chunks are missing");
    std::vector<Subtree> subtrees;
    for (size_t i = 0; i < subtrees_.size(); ++i)
        subtrees.push_back({manifest_.chunks[i].path, *subtrees_[i]});
    TreeUpdate tree = join_subtrees(subtrees, height_);
    if (tree.root != manifest_.parts.state_root)
        return fail(Code::kConflict, "snapshot: its chunks have another root than it states");
    Store::Restored restored;
    restored.record = {height_, manifest_.parts, app_hash_of(manifest_.parts), height_};
    restored.nodes = std::move(tree.written);
    restored.log_hashes = manifest_.log_edge.positioned_peaks();
    restored.meta = meta;
    Database::Impl& impl = *database_.impl_;
    ASSAY_RETURN_IF_ERROR(own_fault(impl.store_->finish_restore(restored)));
    impl.cache_.clear();
    auto head = std::make_shared<Head>();
    head->view = impl.store_->snapshot();
    head->last = restored.record;
    head->edge = manifest_.log_edge;
    impl.set_head(std::move(head));
    impl.restoring_ = false;
    return {};
}

Status Database::verify_contents() const {
    const auto head = impl_->head();
    if (!head->last) return {};
    const std::string where = " of height " + std::to_string(head->last->height);
    std::vector<LeafChange> leaves;
    head->view->scan({}, [&](ByteView key, ByteView value) {
        leaves.push_back({plain_hash(key), plain_hash(value)});
        return true;
    });
    std::sort(leaves.begin(), leaves.end(),
              [](const LeafChange& a, const LeafChange& b) { return a.key_hash < b.key_hash; });
    if (tree_root_of(leaves) != head->last->parts.state_root)
        return fail(Code::kCorrupt, "the stored values do not have the state root" + where);
    ASSAY_ASSIGN(const uint64_t first, head->view->lowest_event());
    ASSAY_ASSIGN(LogEdge edge, LogEdge::load(*head->view, first));
    for (uint64_t index = first; index < head->last->parts.log_size; ++index) {
        ASSAY_ASSIGN(const Bytes event, head->view->event(index));
        LogEdge::Written written;
        edge.append(log_leaf_hash(event), written);
        for (const auto& [position, hash] : written) {
            ASSAY_ASSIGN(const Hash256 stored, head->view->read_log_hash(position));
            if (stored != hash)
                return fail(Code::kCorrupt, "event log hash of event " + std::to_string(index) +
                                                " does not match its bytes");
        }
    }
    if (edge.root() != head->last->parts.log_root)
        return fail(Code::kCorrupt, "the stored events do not have the log root" + where);
    return {};
}

}  // namespace assay::ledger
