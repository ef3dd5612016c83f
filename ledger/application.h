// The replicated application as its engine sees it: one interface, two drivers (embedded producer,
// CometBFT over ABCI). Own structs only; no engine type appears here.
//
// Threads: check_tx, query, list_snapshots and load_snapshot_chunk may be called from any thread at
// any time; the others by one engine thread, in the order info, [init_chain | snapshot restore],
// then per height (prepare|process)* finalize_block commit. Durability: only commit() writes, in
// one batch; after a crash info() tells the last committed height and the engine goes on from
// there.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ledger/rules.h"

namespace assay::ledger {

struct AppInfo {
    std::string chain_id;      // empty before init_chain
    uint32_t app_version = 0;  // of the rules that the next block needs
    uint64_t height = 0;
    Hash256 app_hash;
};

struct CheckResult {
    TxCode code = TxCode::kOk;
    std::string log;
    Hash256 hash;
    Address sender;
    uint64_t nonce = 0;
    uint64_t fee = 0;
};

struct ProposedBlock {
    uint64_t height = 0;
    uint64_t time_ms = 0;
    Hash256 previous_hash;     // header hash of height - 1; the beacon derives from it
    uint64_t previous_ms = 0;  // header time of height - 1; 0 for the first block
    std::vector<Bytes> transactions;
    std::vector<Misbehavior> misbehavior;
};

struct FinalizedBlock {
    std::vector<pb::TxResult> results;  // one per transaction, same order
    std::vector<pb::Event> events;
    Hash256 app_hash;
    std::vector<ValidatorPower> validator_updates;  // ascending by key; power 0: removed
    uint32_t app_version = 0;                       // of the rules that it was executed under
    uint32_t next_app_version = 0;                  // of those that the next block needs
    std::string refusal;  // of the first transaction that may not be in it, why; for people only
};

struct QueryRequest {
    // "state" (data = key), "log" (data = be64 index), "growth" (data = be64 older height)
    std::string path;
    Bytes data;
    uint64_t height = 0;  // 0 = latest
    bool prove = false;
};
struct QueryReply {
    uint64_t height = 0;
    Hash256 app_hash;
    std::optional<Bytes> value;
    Bytes proof;  // docs/formats.md; verify with ledger/state/verify.h
};

struct SnapshotInfo {
    uint64_t height = 0;
    uint32_t format = 0;
    uint32_t chunks = 0;
    Hash256 hash;    // of the manifest
    Bytes manifest;  // docs/formats/snapshot.md
};

class Application {
public:
    virtual ~Application() = default;

    [[nodiscard]] virtual AppInfo info() const = 0;
    virtual Result<Hash256> init_chain(const pb::Genesis& genesis) = 0;
    [[nodiscard]] virtual CheckResult check_tx(ByteView tx, bool recheck) = 0;
    // Orders and drops candidates to fit max_bytes; candidates arrive in mempool order.
    [[nodiscard]] virtual std::vector<Bytes> prepare_proposal(std::vector<Bytes> candidates,
                                                              uint64_t max_bytes) = 0;
    // Whether every transaction would be included. An error is this node's, not the block's.
    [[nodiscard]] virtual Result<bool> process_proposal(const ProposedBlock& block) = 0;
    virtual Result<FinalizedBlock> finalize_block(const ProposedBlock& block) = 0;
    virtual Status commit() = 0;
    // Snapshots that others may start from.
    [[nodiscard]] virtual std::vector<SnapshotInfo> list_snapshots() const = 0;
    [[nodiscard]] virtual Result<Bytes> load_snapshot_chunk(uint64_t height, uint32_t format,
                                                            uint32_t index) const = 0;
    // Instead of the blocks up to its height, where `app_hash` is known to be the chain's; also in
    // place of a snapshot that no block has followed yet. kCorrupt: who offers it is not to be
    // believed; kInvalidArgument: not this one; kUnsupported: not this format.
    virtual Status offer_snapshot(const SnapshotInfo& snapshot, const Hash256& app_hash) = 0;
    // Then every chunk, in any order. True: it was the last, and info() tells the snapshot's
    // height. kCorrupt: not this copy of it; kConflict: not this snapshot.
    virtual Result<bool> apply_snapshot_chunk(uint32_t index, ByteView chunk) = 0;
    [[nodiscard]] virtual Result<QueryReply> query(const QueryRequest& request) const = 0;
    // The last committed state, immutable, safe from any thread.
    [[nodiscard]] virtual std::shared_ptr<const ReadView> committed_state() const = 0;
};

}  // namespace assay::ledger
