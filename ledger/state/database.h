// Database: the committed ledger of one node. It ties the state tree, the event log and the store
// together: prepare() computes the roots of the next block without writing, commit() writes that
// block in one atomic batch.
//
//   open -> (prepare -> commit)*; the first block committed may have any height (genesis: 0),
//   every later one has height() + 1.
//
// Ownership: owns the RocksDB directory; snapshots keep what they need alive themselves. Threads:
// commit() by one thread at a time; everything else from any thread, also during a commit, and then
// sees the last committed block. Several blocks may be prepared against the same height; committing
// one makes the others stale (kConflict). Errors: kUnavailable when another process holds the
// directory, kCorrupt when stored bytes do not fit their format, kIo from the file system,
// kNotFound for a height, event or transaction that is not (or no longer) stored. ReadView has no
// errors: a failed read ends the process, because executing on wrong state would be worse.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "ledger/state/commit_record.h"
#include "ledger/state/snapshot_file.h"
#include "ledger/state/store.h"
#include "ledger/state/view.h"

namespace assay::ledger {

constexpr size_t kMaxStateKeyBytes = 1024;
constexpr size_t kMaxStateValueBytes = size_t{16} << 20;
constexpr size_t kMaxEventBytes = size_t{1} << 20;

struct DatabaseOptions {
    bool sync = true;  // fsync at every commit; false only for benchmarks and replays
    // Heights back from the newest at which state proofs can be made; 0 keeps every version.
    uint64_t proof_heights = 1000;
    // RAM for tree nodes; a million keys take about 200 MB, smaller states less.
    size_t tree_cache_bytes = size_t{256} << 20;
};

// The outcome of prepare(): the roots, and (opaque) what commit() will write.
struct PreparedCommit {
    CommitRecord record;
    uint64_t first_event_index = 0;  // log index of the block's first event
    struct Plan;
    std::shared_ptr<const Plan> plan;
};

// What the engine stores with a block; the database does not look inside.
struct BlockRecord {
    Bytes encoded_block;
    std::vector<Hash256> tx_hashes;     // in block order; index them for find_tx
    std::map<std::string, Bytes> meta;  // written to get_meta's names in the same batch
    ForgottenBlocks forgotten;          // deleted in the same batch
};

struct StateProofReply {
    uint64_t height = 0;
    std::optional<Bytes> value;  // nullopt: proven absent
    Bytes proof;                 // verify_app_state(app_hash, key, value, proof)
};
struct LogProofReply {
    uint64_t height = 0;
    Bytes event;
    Bytes proof;  // verify_app_event(app_hash, index, event, proof)
};

class Database;

// Another state on its way in (docs/formats/snapshot.md). Borrows its database. Threads: one. Let
// go before finish(), the database is empty when it is opened again.
class Restore {
public:
    Restore(const Restore&) = delete;
    Restore& operator=(const Restore&) = delete;

    // kCorrupt if it is not the chunk that the manifest names; another copy may be given then.
    Status add(size_t index, ByteView chunk);
    [[nodiscard]] bool complete() const { return missing_ == 0; }
    [[nodiscard]] uint64_t height() const { return height_; }
    // Of the chunk that holds `key`, or proves that there is none.
    [[nodiscard]] size_t chunk_of(ByteView key) const;
    // The pairs taken in so far.
    [[nodiscard]] std::shared_ptr<const ReadView> state() const;
    // Once complete: makes it the database's last committed height.
    Status finish(const std::map<std::string, Bytes>& meta);

private:
    friend class Database;
    Restore(Database& database, SnapshotManifest manifest, uint64_t height);

    Database& database_;
    const SnapshotManifest manifest_;
    const uint64_t height_;
    std::vector<std::optional<Slot>> subtrees_;  // of the chunks that are in
    size_t missing_;
};

class Database {
public:
    static Result<std::unique_ptr<Database>> open(const std::string& directory,
                                                  const DatabaseOptions& options = {});
    ~Database();
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;

    // Roots of block `height` whose state writes are `changes` and whose event log leaves are
    // `events` (encoded events, in order). Writes nothing.
    [[nodiscard]] Result<PreparedCommit> prepare(uint64_t height, State::Changes changes,
                                                 std::vector<Bytes> events,
                                                 const Hash256& params_hash) const;
    // One WriteBatch. After an error nothing of the block is visible.
    Status commit(const PreparedCommit& prepared, const BlockRecord& block);

    [[nodiscard]] bool empty() const;         // nothing was ever committed
    [[nodiscard]] uint64_t height() const;    // last committed; 0 when empty
    [[nodiscard]] CommitRecord last() const;  // its record; zero hashes when empty
    [[nodiscard]] Result<CommitRecord> record(uint64_t height) const;
    // The snapshot's that it began with; nullopt: it has every block from the genesis.
    [[nodiscard]] std::optional<uint64_t> restored_height() const;
    // The first block that is here; 1 before there is one.
    [[nodiscard]] uint64_t lowest_block() const;

    // The last committed flat state, immutable, safe from any thread, valid after ~Database.
    [[nodiscard]] std::shared_ptr<const ReadView> snapshot() const;

    [[nodiscard]] Result<Bytes> block(uint64_t height) const;
    [[nodiscard]] Result<Bytes> event(uint64_t index) const;
    // The encoded events of one height, in order.
    [[nodiscard]] Result<std::vector<Bytes>> events_at(uint64_t height) const;
    [[nodiscard]] std::optional<TxPosition> find_tx(const Hash256& hash) const;
    [[nodiscard]] std::optional<Bytes> get_meta(const std::string& name) const;

    // The last committed height, to write a snapshot of while later blocks are committed.
    [[nodiscard]] StateSource source() const;
    // In place of what is here: the state of `height` that the manifest leads to. No commit() until
    // it is finished.
    Result<std::unique_ptr<Restore>> begin_restore(SnapshotManifest manifest, uint64_t height);

    // Proofs against the app hash of `height` (0: the last committed). A state proof at an older
    // height needs that height to be within proof_heights and its value still to be current.
    [[nodiscard]] Result<StateProofReply> prove_state(ByteView key, uint64_t height = 0) const;
    [[nodiscard]] Result<LogProofReply> prove_event(uint64_t index, uint64_t height = 0) const;
    // Proof that the log at old_height is a prefix of the log at new_height
    // (verify_app_log_growth).
    [[nodiscard]] Result<Bytes> prove_log_growth(uint64_t old_height, uint64_t new_height) const;

    // Recomputes the state root from the flat values and the log root from the event bytes, and
    // compares both with the last record. Reads everything (slow): audit and tests.
    [[nodiscard]] Status verify_contents() const;

private:
    friend class Restore;
    class Impl;
    explicit Database(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace assay::ledger
