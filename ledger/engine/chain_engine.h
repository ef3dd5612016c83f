// ChainEngine: what both engines in this process share: the head, the stored chain, the mempool,
// the commit cycle and the listeners. The derived engines decide where blocks come from.
//
// Ownership: borrows the application and the database, which must outlive it. Threads: the public
// methods from any thread; the protected ones that change the chain (commit_block) by one thread at
// a time. A listener may unsubscribe itself. Errors: see ledger/engine/engine.h.
#pragma once

#include <map>
#include <mutex>
#include <optional>

#include "ledger/block_check.h"
#include "ledger/codec/block.h"
#include "ledger/engine/engine.h"
#include "ledger/engine/mempool.h"
#include "ledger/local_application.h"

namespace assay::ledger {

class ChainEngine : public Engine {
public:
    [[nodiscard]] uint64_t height() const override;
    [[nodiscard]] uint64_t lowest_height() const override;
    [[nodiscard]] Hash256 head_hash() const override;
    [[nodiscard]] Result<Bytes> encoded_block(uint64_t height) const override;
    [[nodiscard]] Result<CommittedBlock> block(uint64_t height) const override;
    [[nodiscard]] std::optional<TxLocation> find_tx(const Hash256& hash) const override;
    [[nodiscard]] size_t mempool_size() const override;
    [[nodiscard]] const pb::Genesis& genesis() const override { return app_.genesis(); }
    [[nodiscard]] uint64_t next_nonce(const Address& sender) const override;
    uint64_t subscribe(Listener listener) override;
    void unsubscribe(uint64_t token) override;
    [[nodiscard]] std::string failure() const override;

protected:
    // Without limits the mempool is in another process, which asks for rechecks itself.
    ChainEngine(LocalApplication& app, Database& database, std::optional<MempoolLimits> limits)
        : app_(app),
          database_(database),
          has_mempool_(limits.has_value()),
          mempool_(limits.value_or(MempoolLimits{})) {}

    // Starts the chain (or checks that it is the same one) and finds the head.
    Status open_chain(const pb::Genesis& genesis);
    // From the database: at the start, and after a snapshot was taken in.
    Status find_head();
    // check_tx, then the mempool.
    CheckResult admit(ByteView tx);
    // check_tx against the state after the last recheck.
    CheckResult check(ByteView tx, bool recheck);
    // The block of what was executed; a producer adds itself and its signature.
    [[nodiscard]] pb::Block block_of(const ProposedBlock& proposal,
                                     const FinalizedBlock& executed) const;
    // A proposal from `candidates` that consists of what executes, and its outcome.
    struct Execution {
        ProposedBlock proposal;
        FinalizedBlock outcome;
        std::vector<Hash256> refused;
    };
    Result<Execution> execute_candidates(std::vector<Bytes> candidates, uint64_t time_ms,
                                         uint64_t max_bytes,
                                         std::vector<Misbehavior> misbehavior = {});
    // Undoes an admit whose transaction will not reach a block.
    void forget(const CheckResult& admitted);
    // The oldest that wait, at most as many as a block may take.
    [[nodiscard]] std::vector<Bytes> mempool_candidates(
        size_t max_count = kMaxBlockTransactions) const;
    // Stores the block that was finalized last, drops its transactions and `refused` ones from the
    // mempool, rechecks the rest and tells the listeners.
    Result<CommittedBlock> commit_block(pb::Block block, FinalizedBlock executed,
                                        const std::vector<Hash256>& refused);
    [[nodiscard]] ChainTip tip() const;
    void set_failure(const Error& error);

    LocalApplication& app_;
    Database& database_;
    const bool has_mempool_;

private:
    void notify(const CommittedBlock& block);

    mutable std::mutex head_mutex_;
    ChainTip tip_;         // guarded by head_mutex_
    std::string failure_;  // guarded by head_mutex_

    // Held from commit to the last recheck, so that nothing is checked against a state without the
    // waiting transactions' nonces.
    mutable std::mutex mempool_mutex_;
    Mempool mempool_;  // guarded by mempool_mutex_

    std::recursive_mutex listeners_mutex_;
    std::map<uint64_t, Listener> listeners_;  // guarded by listeners_mutex_
    uint64_t next_token_ = 1;                 // guarded by listeners_mutex_
};

}  // namespace assay::ledger
