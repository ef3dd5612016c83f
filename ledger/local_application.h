// LocalApplication: the Application over this node's database and the rules.
//
// finalize_block executes and keeps the outcome in memory, keyed by the block's content, so that
// process_proposal followed by finalize_block executes once; commit writes state, events, roots and
// the block itself (attach_block) in one batch. The genesis document is height 0; its hash is the
// params_hash that every app hash binds.
//
// Ownership: borrows the rules and the database, which must outlive it. Threads: as
// ledger/application.h says; the engine must not let check_tx run between commit() and its
// rechecks, because commit() forgets what was pending. Errors: kInternal when a law is broken
// (stop the node), kConflict for calls out of order, else the database's.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include "ledger/application.h"
#include "ledger/executor.h"
#include "ledger/snapshot_keeper.h"
#include "ledger/state/database.h"
#include "ledger/tx_verifier.h"

namespace assay::ledger {

inline constexpr std::string_view kGenesisMetaName = "genesis";

// What a block goes through, in this order. kChecks: what a replay compares with its file.
enum class BlockStage : uint8_t { kSignatures, kRules, kTree, kChecks, kStore };
inline constexpr size_t kBlockStages = 5;

struct LocalApplicationOptions {
    unsigned threads = 0;  // for signatures and reads; 0: one for each processor
    SnapshotOptions snapshots;
    uint64_t keep_blocks = 0;  // older ones are deleted, but none that a kept snapshot goes on from
    std::function<void(BlockStage)> on_stage;  // one is over; for measurements
};

class LocalApplication : public Application {
public:
    // Reads the genesis document back if the database holds a chain.
    static Result<std::unique_ptr<LocalApplication>> open(
        const Rules& rules, Database& database, const LocalApplicationOptions& options = {});

    [[nodiscard]] AppInfo info() const override;
    // Once, or again with the same document.
    Result<Hash256> init_chain(const pb::Genesis& genesis) override;
    [[nodiscard]] CheckResult check_tx(ByteView tx, bool recheck) override;
    // Highest fee first; within a sender, nonce order; ties in the order given.
    [[nodiscard]] std::vector<Bytes> prepare_proposal(std::vector<Bytes> candidates,
                                                      uint64_t max_bytes) override;
    [[nodiscard]] Result<bool> process_proposal(const ProposedBlock& block) override;
    Result<FinalizedBlock> finalize_block(const ProposedBlock& block) override;
    Status commit() override;
    [[nodiscard]] std::vector<SnapshotInfo> list_snapshots() const override;
    [[nodiscard]] Result<Bytes> load_snapshot_chunk(uint64_t height, uint32_t format,
                                                    uint32_t index) const override;
    Status offer_snapshot(const SnapshotInfo& snapshot, const Hash256& app_hash) override;
    Result<bool> apply_snapshot_chunk(uint32_t index, ByteView chunk) override;
    [[nodiscard]] Result<QueryReply> query(const QueryRequest& request) const override;
    [[nodiscard]] std::shared_ptr<const ReadView> committed_state() const override;

    // Beyond the interface, for engines in this process.
    // kUnsupported unless this program knows the rules that the next block needs.
    [[nodiscard]] Status check_version() const;
    // What an engine with a store of its own need not keep either; 0: it keeps everything.
    [[nodiscard]] uint64_t retain_height() const;
    // The encoded block that the next commit() stores in its batch.
    void attach_block(Bytes encoded) { attached_block_ = std::move(encoded); }
    // Counting the transactions that check_tx has accepted since the last commit.
    [[nodiscard]] uint64_t next_nonce(const Address& sender) const;
    // The rechecks after a commit() are done. Not needed where the next check_tx says so.
    void end_rechecks();
    // When a mempool outside this process starts empty.
    void forget_pending();
    // Takes back what check_tx reserved, if no later nonce was reserved since.
    void release_nonce(const Address& sender, uint64_t nonce, uint64_t fee);
    [[nodiscard]] const pb::Genesis& genesis() const { return genesis_; }
    [[nodiscard]] TxVerifier& verifier() { return verifier_; }

private:
    LocalApplication(const Rules& rules, Database& database, const LocalApplicationOptions& options)
        : rules_(rules),
          database_(database),
          pool_(options.threads),
          executor_(rules, pool_),
          verifier_(pool_),
          keep_blocks_(options.keep_blocks),
          on_stage_(options.on_stage ? options.on_stage : [](BlockStage) {}),
          snapshots_(options.snapshots) {}

    struct Finalized {
        Hash256 identity;
        FinalizedBlock block;
        PreparedCommit prepared;
        std::vector<Hash256> tx_hashes;
    };
    void load_committed();
    [[nodiscard]] bool rules_changed() const;
    TxCode check_nonce_and_fee(const CheckedTx& tx, bool recheck, std::string& log);
    [[nodiscard]] uint32_t version_at(const ReadView& before, uint64_t height) const;
    Result<Finalized> execute(const ProposedBlock& block);
    [[nodiscard]] Status check_restored_anchor() const;
    Status finish_restore();
    [[nodiscard]] ForgottenBlocks blocks_to_forget(uint64_t height) const;

    // Constant after construction.
    const Rules& rules_;
    Database& database_;
    WorkerPool pool_;
    const Executor executor_;
    TxVerifier verifier_;
    const uint64_t keep_blocks_;
    const std::function<void(BlockStage)> on_stage_;
    SnapshotKeeper snapshots_;

    // Engine thread only (genesis_ is constant once a chain exists).
    pb::Genesis genesis_;
    Hash256 genesis_hash_;
    std::optional<Finalized> finalized_;
    Bytes attached_block_;
    std::unique_ptr<Restore> restore_;  // while a snapshot comes in

    mutable std::mutex committed_mutex_;
    std::shared_ptr<const ReadView> committed_;  // guarded by committed_mutex_
    AppInfo info_;                               // guarded by committed_mutex_
    bool rules_changed_ = false;  // with the last commit; guarded by committed_mutex_

    mutable std::mutex check_mutex_;
    struct Pending {  // what check_tx accepted of one sender since the last commit
        uint64_t next_nonce = 0;
        uint64_t fees = 0;  // at most the balance
    };
    std::map<Address, Pending> pending_;  // guarded by check_mutex_
    // What the last commit() forgot, until its rechecks are over: for next_nonce() alone, so that
    // nobody who asks in between signs a nonce twice. Guarded by check_mutex_.
    std::map<Address, Pending> before_commit_;
};

}  // namespace assay::ledger
