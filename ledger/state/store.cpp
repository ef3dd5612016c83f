#include "ledger/state/store.h"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>

namespace assay::ledger {

namespace {

constexpr std::string_view kFormat = "assay-state-1";
constexpr const char* kLowest = "lowest";  // meta key of the lowest block, once some are deleted
constexpr const char* kRestoring = "restoring";  // meta key while another state is taken in
constexpr size_t kBlockCacheBytes = size_t{128} << 20;
// Rows of a column gather in RAM up to this size before they become a file; twice that while one
// is being written. One limit over all columns would make small files of the quiet ones.
constexpr size_t kOrderedWriteBufferBytes = size_t{64} << 20;
constexpr size_t kRandomWriteBufferBytes = size_t{4} << 20;  // searched at random: stay small
constexpr size_t kQuietWriteBufferBytes = size_t{8} << 20;
constexpr double kFilterShareOfWriteBuffer = 0.05;
constexpr uint64_t kMaxLogFileBytes = uint64_t{512} << 20;  // write-ahead log, all files
constexpr int kMaxOpenFiles = 256;
// Bounds the extra work of one commit after proof_heights was lowered.
constexpr size_t kMaxPrunedBlocksPerCommit = 16;
// Log hashes of lower levels are recomputed from at most 2^3 events: a row costs more than a hash.
constexpr uint8_t kLowestLogLevel = 3;

enum Column : size_t { kDefault, kState, kTree, kStale, kLog, kBlocks, kIndex, kMeta, kColumns };
constexpr std::array<const char*, kColumns> kColumnNames = {"default", "state",  "tree",  "stale",
                                                            "log",     "blocks", "index", "meta"};

rocksdb::Slice slice_of(ByteView bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
rocksdb::Slice slice_of(const Bytes& bytes) {
    return slice_of(ByteView(bytes));
}
ByteView view_of_slice(const rocksdb::Slice& slice) {
    return {reinterpret_cast<const uint8_t*>(slice.data()), slice.size()};
}

Bytes height_key(uint64_t height) {
    Bytes key;
    append_be64(key, height);
    return key;
}
Bytes event_key(uint64_t index) {
    Bytes key{'e'};
    append_be64(key, index);
    return key;
}
Bytes log_hash_key(const LogPosition& position) {
    Bytes key{'h', position.level};
    append_be64(key, position.index);
    return key;
}
Bytes record_key(uint64_t height) {
    Bytes key = bytes_of("record/");
    append_be64(key, height);
    return key;
}
Bytes user_meta_key(const std::string& name) {
    return bytes_of("user/" + name);
}
// The keys of the nodes that one block replaced, each after its length: one row, not thousands.
Bytes encode_stale(const std::vector<NodeKey>& nodes) {
    Bytes out;
    for (const NodeKey& node : nodes) {
        const Bytes key = encode_node_key(node);
        out.push_back(static_cast<uint8_t>(key.size()));
        append(out, key);
    }
    return out;
}
// The first key after all that start with `prefix`; empty if there is none.
Bytes end_of_prefix(ByteView prefix) {
    Bytes end = bytes_of(prefix);
    while (!end.empty() && end.back() == 0xff) end.pop_back();
    if (!end.empty()) ++end.back();
    return end;
}

Error storage_error(const rocksdb::Status& status, const std::string& what) {
    const std::string detail = what + ": " + status.ToString();
    if (status.IsCorruption())
        return fail(Code::kCorrupt, detail + "; restore the data directory from a peer");
    return fail(Code::kIo, detail + "; check the disk and its free space");
}

[[noreturn]] void stop_with(const Error& error) {
    std::fprintf(stderr, "fatal: %s\n", error.message.c_str());
    std::abort();
}

size_t write_buffer_bytes(size_t column) {
    switch (column) {
        case kState:
        case kIndex:
            return kRandomWriteBufferBytes;
        case kDefault:
        case kMeta:
            return kQuietWriteBufferBytes;
        default:
            return kOrderedWriteBufferBytes;
    }
}

// A block's rows go in by ascending key: those that share this many bytes are each looked for from
// where the last one went. 0: from the top.
size_t insert_hint_bytes(size_t column) {
    switch (column) {
        case kTree:
            return sizeof(uint64_t);
        case kLog:
            return 2;
        case kState:
        case kIndex:
            return 1;
        default:
            return 0;
    }
}

rocksdb::ColumnFamilyOptions column_options(size_t column,
                                            const std::shared_ptr<rocksdb::Cache>& cache) {
    rocksdb::BlockBasedTableOptions table;
    table.block_cache = cache;
    table.cache_index_and_filter_blocks = true;
    table.pin_l0_filter_and_index_blocks_in_cache = true;
    if (column == kState || column == kTree || column == kIndex)
        table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
    rocksdb::ColumnFamilyOptions options;
    options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
    options.write_buffer_size = write_buffer_bytes(column);
    if (column == kState || column == kIndex) {
        options.memtable_prefix_bloom_size_ratio = kFilterShareOfWriteBuffer;
        options.memtable_whole_key_filtering = true;
    }
    // Hashes do not compress, values are short and read at random; blocks do.
    if (column != kBlocks) options.compression = rocksdb::kNoCompression;
    if (const size_t prefix = insert_hint_bytes(column); prefix > 0)
        options.memtable_insert_with_hint_prefix_extractor.reset(
            rocksdb::NewFixedPrefixTransform(prefix));
    return options;
}

}  // namespace

struct Store::Engine {
    std::unique_ptr<rocksdb::DB> db;
    std::vector<rocksdb::ColumnFamilyHandle*> columns;

    Engine() = default;
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;
    ~Engine() {
        for (rocksdb::ColumnFamilyHandle* column : columns) db->DestroyColumnFamilyHandle(column);
    }
};

class Store::View : public StoreView {
public:
    explicit View(std::shared_ptr<Engine> engine)
        : engine_(std::move(engine)), snapshot_(engine_->db->GetSnapshot()) {
        read_.snapshot = snapshot_;
    }
    ~View() override { engine_->db->ReleaseSnapshot(snapshot_); }
    View(const View&) = delete;
    View& operator=(const View&) = delete;

    [[nodiscard]] std::optional<Bytes> get(ByteView key) const override {
        return get_or_stop(kState, key, "reading the state");
    }
    void scan(ByteView prefix, const Visitor& visit) const override {
        const Status read = try_scan(prefix, visit);
        if (!read) stop_with(read.error());
    }
    [[nodiscard]] Status try_scan(ByteView prefix, const Visitor& visit) const override;
    [[nodiscard]] Result<std::shared_ptr<const Node>> read_node(const NodeKey& key) const override;
    [[nodiscard]] Result<Hash256> read_log_hash(const LogPosition& position) const override;
    [[nodiscard]] Result<std::optional<CommitRecord>> last() const override;
    [[nodiscard]] Result<CommitRecord> record(uint64_t height) const override;
    [[nodiscard]] Result<Bytes> block(uint64_t height) const override {
        return require(kBlocks, height_key(height), "block at height " + std::to_string(height));
    }
    [[nodiscard]] Result<Bytes> event(uint64_t index) const override {
        return require(kLog, event_key(index), "event " + std::to_string(index));
    }
    [[nodiscard]] std::optional<TxPosition> find_tx(const Hash256& hash) const override;
    [[nodiscard]] std::optional<Bytes> meta(const std::string& name) const override {
        return get_or_stop(kMeta, user_meta_key(name), "reading metadata");
    }
    [[nodiscard]] uint64_t lowest_tree_version() const override {
        return height_in("pruned").value_or(0);
    }
    [[nodiscard]] std::optional<uint64_t> restored_height() const override {
        return height_in("restored");
    }
    [[nodiscard]] uint64_t lowest_block() const override {
        return height_in(kLowest).value_or(restored_height().value_or(0) + 1);
    }
    [[nodiscard]] Result<uint64_t> lowest_event() const override;

private:
    [[nodiscard]] std::optional<uint64_t> height_in(std::string_view meta_key) const;
    [[nodiscard]] Result<Hash256> recompute_log_hash(const LogPosition& position) const;
    Result<std::optional<Bytes>> find(Column column, ByteView key, const std::string& what) const;
    Result<Bytes> require(Column column, ByteView key, const std::string& what) const;
    [[nodiscard]] std::optional<Bytes> get_or_stop(Column column, ByteView key,
                                                   const char* what) const;

    std::shared_ptr<Engine> engine_;
    const rocksdb::Snapshot* snapshot_;
    rocksdb::ReadOptions read_;
};

Result<std::optional<Bytes>> Store::View::find(Column column, ByteView key,
                                               const std::string& what) const {
    rocksdb::PinnableSlice value;
    const rocksdb::Status status =
        engine_->db->Get(read_, engine_->columns[column], slice_of(key), &value);
    if (status.IsNotFound()) return std::optional<Bytes>{};
    if (!status.ok()) return storage_error(status, what);
    return std::optional<Bytes>{bytes_of(view_of_slice(value))};
}

Result<Bytes> Store::View::require(Column column, ByteView key, const std::string& what) const {
    ASSAY_ASSIGN(auto found, find(column, key, what));
    if (!found) return fail(Code::kNotFound, what + " is not stored on this node");
    return std::move(*found);
}

std::optional<Bytes> Store::View::get_or_stop(Column column, ByteView key, const char* what) const {
    rocksdb::PinnableSlice value;
    const rocksdb::Status status =
        engine_->db->Get(read_, engine_->columns[column], slice_of(key), &value);
    if (status.IsNotFound()) return std::nullopt;
    if (!status.ok()) stop_with(storage_error(status, what));
    return bytes_of(view_of_slice(value));
}

Status Store::View::try_scan(ByteView prefix, const Visitor& visit) const {
    const Bytes end = end_of_prefix(prefix);
    const rocksdb::Slice end_slice = slice_of(end);
    rocksdb::ReadOptions read = read_;
    if (!end.empty()) read.iterate_upper_bound = &end_slice;
    const std::unique_ptr<rocksdb::Iterator> row(
        engine_->db->NewIterator(read, engine_->columns[kState]));
    for (row->Seek(slice_of(prefix)); row->Valid(); row->Next())
        if (!visit(view_of_slice(row->key()), view_of_slice(row->value()))) return {};
    if (!row->status().ok()) return storage_error(row->status(), "scanning the state");
    return {};
}

Result<std::shared_ptr<const Node>> Store::View::read_node(const NodeKey& key) const {
    rocksdb::PinnableSlice value;
    const Bytes encoded_key = encode_node_key(key);
    const rocksdb::Status status =
        engine_->db->Get(read_, engine_->columns[kTree], slice_of(encoded_key), &value);
    if (status.IsNotFound())
        return fail(Code::kCorrupt, "state tree node " + to_hex(encoded_key) +
                                        " is missing; restore the data directory from a peer");
    if (!status.ok()) return storage_error(status, "reading the state tree");
    ASSAY_ASSIGN(Node node, decode_node(view_of_slice(value)));
    return std::make_shared<const Node>(std::move(node));
}

// From the events below, at the levels that have no rows of their own.
Result<Hash256> Store::View::recompute_log_hash(const LogPosition& position) const {
    if (position.level == 0) {
        ASSAY_ASSIGN(const Bytes bytes, event(position.index));
        return log_leaf_hash(bytes);
    }
    const auto level = static_cast<uint8_t>(position.level - 1);
    ASSAY_ASSIGN(const Hash256 left, read_log_hash({level, position.index * 2}));
    ASSAY_ASSIGN(const Hash256 right, read_log_hash({level, position.index * 2 + 1}));
    return inner_hash(left, right);
}

Result<Hash256> Store::View::read_log_hash(const LogPosition& position) const {
    if (position.level < kLowestLogLevel) {
        auto hash = recompute_log_hash(position);
        // A restored store has the right edge's hashes of any level, and not their events.
        if (hash.ok() || hash.error().code != Code::kNotFound) return hash;
    }
    ASSAY_ASSIGN(const Bytes bytes, require(kLog, log_hash_key(position), "event log hash"));
    const auto hash = hash_from(bytes);
    if (!hash) return fail(Code::kCorrupt, "event log hash: not 32 bytes");
    return *hash;
}

Result<std::optional<CommitRecord>> Store::View::last() const {
    ASSAY_ASSIGN(const auto height, find(kMeta, view_of("last"), "reading the last height"));
    if (!height) return std::optional<CommitRecord>{};
    if (height->size() != 8) return fail(Code::kCorrupt, "last height: not 8 bytes");
    ASSAY_ASSIGN(CommitRecord found, record(read_be64(*height)));
    return std::optional<CommitRecord>{found};
}

Result<CommitRecord> Store::View::record(uint64_t height) const {
    ASSAY_ASSIGN(const Bytes bytes, require(kMeta, record_key(height),
                                            "commit record of height " + std::to_string(height)));
    return decode_commit_record(bytes);
}

std::optional<TxPosition> Store::View::find_tx(const Hash256& hash) const {
    const auto bytes = get_or_stop(kIndex, hash.view(), "reading the transaction index");
    if (!bytes || bytes->size() != 12) return std::nullopt;
    TxPosition position;
    position.height = read_be64(*bytes);
    for (size_t i = 8; i < 12; ++i) position.index = position.index << 8 | (*bytes)[i];
    return position;
}

// Events go in whole groups: the hashes above a group have rows of their own.
Result<uint64_t> Store::View::lowest_event() const {
    uint64_t begin = 0;
    if (const auto restored = restored_height()) {
        ASSAY_ASSIGN(const CommitRecord first, record(*restored));
        begin = first.parts.log_size;
    }
    if (!height_in(kLowest)) return begin;
    ASSAY_ASSIGN(const CommitRecord before, record(lowest_block() - 1));
    return std::max(begin, before.parts.log_size >> kLowestLogLevel << kLowestLogLevel);
}

std::optional<uint64_t> Store::View::height_in(std::string_view meta_key) const {
    const auto bytes = get_or_stop(kMeta, view_of(meta_key), "reading metadata");
    if (!bytes || bytes->size() != 8) return std::nullopt;
    return read_be64(*bytes);
}

Store::Store(std::shared_ptr<Engine> engine) : engine_(std::move(engine)) {}
Store::~Store() = default;

Result<std::unique_ptr<Store>> Store::open(const std::string& directory) {
    rocksdb::DBOptions options;
    options.create_if_missing = true;
    options.create_missing_column_families = true;
    options.max_open_files = kMaxOpenFiles;
    options.max_total_wal_size = kMaxLogFileBytes;
    options.info_log_level = rocksdb::WARN_LEVEL;
    options.keep_log_file_num = 2;
    // A crash can only cut the newest batch short; damage anywhere else must be reported.
    options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
    const auto cache = rocksdb::NewLRUCache(kBlockCacheBytes);
    std::vector<rocksdb::ColumnFamilyDescriptor> columns;
    for (size_t i = 0; i < kColumns; ++i)
        columns.emplace_back(kColumnNames[i], column_options(i, cache));

    auto engine = std::make_shared<Engine>();
    rocksdb::DB* db = nullptr;
    const rocksdb::Status status =
        rocksdb::DB::Open(options, directory, columns, &engine->columns, &db);
    if (status.IsIOError() && status.ToString().find("lock") != std::string::npos)
        return fail(Code::kUnavailable, "the ledger in " + directory +
                                            " is in use by another process; stop that one first, "
                                            "or use another directory");
    if (!status.ok()) return storage_error(status, "opening the ledger in " + directory);
    engine->db.reset(db);

    std::string format;
    rocksdb::ColumnFamilyHandle* meta = engine->columns[kMeta];
    const rocksdb::Status read = db->Get({}, meta, "format", &format);
    if (read.IsNotFound()) {
        rocksdb::WriteOptions write;
        write.sync = true;
        const rocksdb::Status wrote = db->Put(write, meta, "format", std::string(kFormat));
        if (!wrote.ok()) return storage_error(wrote, "creating the ledger in " + directory);
    } else if (!read.ok()) {
        return storage_error(read, "opening the ledger in " + directory);
    } else if (format != kFormat) {
        return fail(Code::kUnsupported, "the ledger in " + directory + " has another format than " +
                                            std::string(kFormat) +
                                            "; use the version of assay that wrote it");
    }
    std::unique_ptr<Store> store(new Store(std::move(engine)));
    ASSAY_RETURN_IF_ERROR(store->drop_unfinished_restore());
    return store;
}

std::shared_ptr<const StoreView> Store::snapshot() const {
    return std::make_shared<const View>(engine_);
}

// The writes of one block as they gather.
struct Store::Batch {
    const std::vector<rocksdb::ColumnFamilyHandle*>& columns;
    rocksdb::WriteBatch writes;

    void put(Column column, ByteView key, ByteView value) {
        writes.Put(columns[column], slice_of(key), slice_of(value));
    }
    void put(const NodeKey& key, const Node& node) {
        const Bytes encoded_key = encode_node_key(key);
        const rocksdb::Slice key_slice = slice_of(encoded_key);
        const auto header = node.encoded_header();
        const std::array<rocksdb::Slice, 2> parts{slice_of(ByteView(header)),
                                                  slice_of(node.encoded_slots())};
        writes.Put(columns[kTree], rocksdb::SliceParts(&key_slice, 1),
                   rocksdb::SliceParts(parts.data(), static_cast<int>(parts.size())));
    }
    void erase(Column column, ByteView key) { writes.Delete(columns[column], slice_of(key)); }
};

Status Store::commit(const BlockWrite& block, bool sync) {
    const uint64_t height = block.record.height;
    Batch batch{engine_->columns, rocksdb::WriteBatch()};
    for (const auto& [key, value] : *block.changes) {
        if (value)
            batch.put(kState, key, *value);
        else
            batch.erase(kState, key);
    }
    for (const auto& [key, node] : block.tree->written) batch.put(key, *node);
    if (!block.tree->stale.empty())
        batch.put(kStale, height_key(height), encode_stale(block.tree->stale));
    for (size_t i = 0; i < block.events->size(); ++i)
        batch.put(kLog, event_key(block.first_event_index + i), (*block.events)[i]);
    for (const auto& [position, hash] : *block.log_hashes)
        if (position.level >= kLowestLogLevel) batch.put(kLog, log_hash_key(position), hash.view());
    batch.put(kBlocks, height_key(height), block.encoded_block);
    std::vector<std::pair<Hash256, uint32_t>> places;
    places.reserve(block.tx_hashes->size());
    for (const Hash256& hash : *block.tx_hashes)
        places.emplace_back(hash, static_cast<uint32_t>(places.size()));
    std::sort(places.begin(), places.end());
    for (const auto& [hash, index] : places) {
        Bytes position = height_key(height);
        append_be32(position, index);
        batch.put(kIndex, hash.view(), position);
    }
    for (const auto& [name, value] : *block.meta) batch.put(kMeta, user_meta_key(name), value);
    batch.put(kMeta, record_key(height), encode_commit_record(block.record));
    batch.put(kMeta, bytes_of("last"), height_key(height));
    ASSAY_RETURN_IF_ERROR(add_pruning(block, batch));
    if (block.forgotten != nullptr) ASSAY_RETURN_IF_ERROR(add_forgetting(*block.forgotten, batch));
    return write(batch, sync, "committing height " + std::to_string(height));
}

Status Store::write(Batch& batch, bool sync, const std::string& what) {
    rocksdb::WriteOptions options;
    options.sync = sync;
    const rocksdb::Status status = engine_->db->Write(options, &batch.writes);
    if (!status.ok()) return storage_error(status, what);
    return {};
}

// Deletes everything but the format.
Status Store::add_clearing(Batch& batch) const {
    const Bytes end(2048, 0xff);  // above every key
    for (size_t column = kState; column < kMeta; ++column)
        batch.writes.DeleteRange(engine_->columns[column], rocksdb::Slice(), slice_of(end));
    const std::unique_ptr<rocksdb::Iterator> row(
        engine_->db->NewIterator({}, engine_->columns[kMeta]));
    for (row->SeekToFirst(); row->Valid(); row->Next())
        if (row->key() != rocksdb::Slice("format")) batch.erase(kMeta, view_of_slice(row->key()));
    if (!row->status().ok()) return storage_error(row->status(), "clearing the ledger");
    return {};
}

Status Store::begin_restore() {
    Batch batch{engine_->columns, rocksdb::WriteBatch()};
    ASSAY_RETURN_IF_ERROR(add_clearing(batch));
    batch.put(kMeta, bytes_of(kRestoring), {});
    return write(batch, true, "beginning a restore");
}

Status Store::drop_unfinished_restore() {
    std::string unfinished;
    const rocksdb::Status marker =
        engine_->db->Get({}, engine_->columns[kMeta], kRestoring, &unfinished);
    if (marker.IsNotFound()) return {};
    if (!marker.ok()) return storage_error(marker, "opening the ledger");
    Batch batch{engine_->columns, rocksdb::WriteBatch()};
    ASSAY_RETURN_IF_ERROR(add_clearing(batch));
    return write(batch, true, "clearing an unfinished restore");
}

Status Store::add_restored(const std::vector<std::pair<Bytes, Bytes>>& pairs,
                           const WrittenNodes& nodes) {
    Batch batch{engine_->columns, rocksdb::WriteBatch()};
    for (const auto& [key, value] : pairs) batch.put(kState, key, value);
    for (const auto& [key, node] : nodes) batch.put(key, *node);
    return write(batch, false, "restoring a part of the state");  // the last write syncs all
}

Status Store::finish_restore(const Restored& restored) {
    const uint64_t height = restored.record.height;
    Batch batch{engine_->columns, rocksdb::WriteBatch()};
    for (const auto& [key, node] : restored.nodes) batch.put(key, *node);
    for (const auto& [position, hash] : restored.log_hashes)
        batch.put(kLog, log_hash_key(position), hash.view());
    for (const auto& [name, value] : restored.meta) batch.put(kMeta, user_meta_key(name), value);
    batch.put(kMeta, record_key(height), encode_commit_record(restored.record));
    batch.put(kMeta, bytes_of("last"), height_key(height));
    batch.put(kMeta, bytes_of("pruned"), height_key(height));
    batch.put(kMeta, bytes_of("restored"), height_key(height));
    batch.erase(kMeta, view_of(kRestoring));
    return write(batch, true, "finishing a restore");
}

// Adds the deletion of nodes that only versions below write.prune_through use.
Status Store::add_pruning(const BlockWrite& write, Batch& batch) const {
    const uint64_t lowest = View(engine_).lowest_tree_version();
    if (write.prune_through <= lowest) return {};
    const Bytes end = height_key(write.prune_through + 1);
    const rocksdb::Slice end_slice = slice_of(end);
    rocksdb::ReadOptions read;
    read.iterate_upper_bound = &end_slice;
    const std::unique_ptr<rocksdb::Iterator> row(
        engine_->db->NewIterator(read, engine_->columns[kStale]));
    uint64_t reached = write.prune_through;
    size_t blocks = 0;
    for (row->Seek(slice_of(height_key(lowest + 1))); row->Valid(); row->Next()) {
        const ByteView since = view_of_slice(row->key());
        if (since.size() != 8) return fail(Code::kCorrupt, "stale tree nodes: wrong key length");
        ByteView keys = view_of_slice(row->value());
        while (!keys.empty()) {
            const size_t size = keys[0];
            if (size >= keys.size()) return fail(Code::kCorrupt, "stale tree nodes: cut short");
            batch.erase(kTree, keys.subspan(1, size));
            keys = keys.subspan(1 + size);
        }
        batch.erase(kStale, since);
        if (++blocks == kMaxPrunedBlocksPerCommit) {
            reached = read_be64(since);
            break;
        }
    }
    if (!row->status().ok()) return storage_error(row->status(), "pruning the state tree");
    batch.put(kMeta, bytes_of("pruned"), height_key(reached));
    return {};
}

Status Store::add_forgetting(const ForgottenBlocks& forgotten, Batch& batch) const {
    const View view(engine_);
    const uint64_t lowest = view.lowest_block();
    if (forgotten.below <= lowest) return {};
    for (uint64_t height = lowest; height < forgotten.below; ++height)
        batch.erase(kBlocks, height_key(height));
    for (const Hash256& hash : forgotten.tx_hashes) batch.erase(kIndex, hash.view());
    ASSAY_ASSIGN(const uint64_t begin, view.lowest_event());
    ASSAY_ASSIGN(const CommitRecord before, view.record(forgotten.below - 1));
    const uint64_t end = before.parts.log_size >> kLowestLogLevel << kLowestLogLevel;
    for (uint64_t index = begin; index < end; ++index) batch.erase(kLog, event_key(index));
    batch.put(kMeta, bytes_of(kLowest), height_key(forgotten.below));
    return {};
}

}  // namespace assay::ledger
