// Follower: the engine of every other node. It takes blocks that the producer signed, executes each
// again and commits only what gives the same results and app hash.
//
// Ownership: borrows application and database. Threads: see ledger/engine/engine.h; apply by one
// thread at a time (calls take turns). Errors of apply: kConflict for a block that is not the next
// one (fetch the missing ones, skip the known ones); kCorrupt for one that is not valid, which the
// sender is to blame for and changes nothing. A block that the producer did sign but whose
// execution differs, or a broken law, stops the follower for good: failure() then tells why.
#pragma once

#include "ledger/engine/chain_engine.h"

namespace assay::ledger {

// Hands a transaction to the producer and returns its answer; kNotAccepting if it does not answer.
using RelayFunction = std::function<CheckResult(ByteView tx)>;

struct FollowerOptions {
    RelayFunction relay;
    MempoolLimits mempool;
};

class Follower : public ChainEngine {
public:
    static Result<std::unique_ptr<Follower>> create(LocalApplication& app, Database& database,
                                                    const pb::Genesis& genesis,
                                                    FollowerOptions options);

    Status start() override { return {}; }  // blocks come through apply
    void stop() override;
    // Checked here first, then relayed. Sending a waiting transaction again relays it again.
    CheckResult submit(ByteView tx) override;

    // Also relays again what two blocks passed over, if the producer lost it in a restart.
    Status apply(ByteView encoded_block);

private:
    Follower(LocalApplication& app, Database& database, FollowerOptions options)
        : ChainEngine(app, database, options.mempool), options_(std::move(options)) {}

    Status apply_next(ByteView encoded_block);
    void relay_passed_over();

    const FollowerOptions options_;
    std::mutex apply_mutex_;
    bool stopped_ = false;  // guarded by apply_mutex_
    std::mutex relay_mutex_;
    Bytes oldest_waiting_;  // after the block before; guarded by relay_mutex_
};

}  // namespace assay::ledger
