// Store: the bytes of one node's ledger in RocksDB, one column family per kind of data, one
// WriteBatch per block. It knows encodings and keys, not what makes a root right: Database does.
//
// Ownership: a StoreView keeps the RocksDB instance open, so it outlives its Store. Threads: views
// from any thread; commit() by one thread at a time. Errors: kUnavailable if another process (or
// another Store) holds the directory; kUnsupported for a directory of another format; kCorrupt,
// kIo and kNotFound from reads. The methods of ReadView, find_tx and meta end the process on a
// failed read; try_scan is for those that need not. Durability: with sync, commit() returns once
// the batch is on the disk; a crash at any moment leaves the blocks of earlier commits and never a
// part of one. Format: docs/formats/state.md.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ledger/state/commit_record.h"
#include "ledger/state/event_log.h"
#include "ledger/state/tree.h"
#include "ledger/state/view.h"

namespace assay::ledger {

struct TxPosition {
    uint64_t height = 0;
    uint32_t index = 0;
};

// Blocks that are deleted, with their events and the places of their transactions.
struct ForgottenBlocks {
    uint64_t below = 0;  // the new lowest height; 0: nothing is deleted
    std::vector<Hash256> tx_hashes;
};

// Everything one block writes. Borrows what it points to for the duration of the call.
struct BlockWrite {
    CommitRecord record;
    const State::Changes* changes = nullptr;
    const TreeUpdate* tree = nullptr;
    const std::vector<Bytes>* events = nullptr;  // leaves first_event_index, + 1, ...
    uint64_t first_event_index = 0;
    const LogEdge::Written* log_hashes = nullptr;
    ByteView encoded_block;
    const std::vector<Hash256>* tx_hashes = nullptr;
    const std::map<std::string, Bytes>* meta = nullptr;
    uint64_t prune_through = 0;  // delete tree nodes that no version >= this one uses
    const ForgottenBlocks* forgotten = nullptr;
};

// A consistent reading of the store.
class StoreView : public ReadView, public NodeReader, public LogReader {
public:
    // scan() for work that can be given up.
    [[nodiscard]] virtual Status try_scan(ByteView prefix, const Visitor& visit) const = 0;
    [[nodiscard]] virtual Result<std::optional<CommitRecord>> last() const = 0;
    [[nodiscard]] virtual Result<CommitRecord> record(uint64_t height) const = 0;
    [[nodiscard]] virtual Result<Bytes> block(uint64_t height) const = 0;
    [[nodiscard]] virtual Result<Bytes> event(uint64_t index) const = 0;
    [[nodiscard]] virtual std::optional<TxPosition> find_tx(const Hash256& hash) const = 0;
    [[nodiscard]] virtual std::optional<Bytes> meta(const std::string& name) const = 0;
    // The lowest version whose tree nodes are all stored.
    [[nodiscard]] virtual uint64_t lowest_tree_version() const = 0;
    // Of the snapshot that the store began with; nullopt: it began with the genesis.
    [[nodiscard]] virtual std::optional<uint64_t> restored_height() const = 0;
    // The first block that is here, or 1; the first event, or what would be the next.
    [[nodiscard]] virtual uint64_t lowest_block() const = 0;
    [[nodiscard]] virtual Result<uint64_t> lowest_event() const = 0;
};

class Store {
public:
    // Creates the directory if there is none.
    static Result<std::unique_ptr<Store>> open(const std::string& directory);
    ~Store();
    Store(const Store&) = delete;
    Store& operator=(const Store&) = delete;

    Status commit(const BlockWrite& block, bool sync);
    // Forgets everything (format aside) and takes in another state, part by part: begin_restore,
    // add_restored*, finish_restore. Cut off anywhere before the end, the store is empty when it is
    // opened again. Views from before keep what they saw.
    Status begin_restore();
    Status add_restored(const std::vector<std::pair<Bytes, Bytes>>& pairs,
                        const WrittenNodes& nodes);
    // The roots that all of it leads to.
    struct Restored {
        CommitRecord record;
        WrittenNodes nodes;
        LogEdge::Written log_hashes;
        std::map<std::string, Bytes> meta;
    };
    Status finish_restore(const Restored& restored);
    // The store as of now, unaffected by later commits.
    [[nodiscard]] std::shared_ptr<const StoreView> snapshot() const;

private:
    struct Engine;
    struct Batch;
    class View;
    explicit Store(std::shared_ptr<Engine> engine);
    Status write(Batch& batch, bool sync, const std::string& what);
    Status add_clearing(Batch& batch) const;
    Status drop_unfinished_restore();
    Status add_pruning(const BlockWrite& write, Batch& batch) const;
    Status add_forgetting(const ForgottenBlocks& forgotten, Batch& batch) const;
    std::shared_ptr<Engine> engine_;
};

}  // namespace assay::ledger
