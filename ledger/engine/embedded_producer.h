// EmbeddedProducer: the engine of the one node whose key the genesis names. It makes a block when
// transactions wait, at most one per min_interval_ms, and an empty one every heartbeat_ms so that
// timed edges fire.
//
// Ownership: borrows application and database; owns its key and thread. Threads: see
// ledger/engine/engine.h; produce_block is for tests and tools that do not call start(). Errors: a
// broken law or a failed write stops production for good; failure() then tells why.
#pragma once

#include <condition_variable>
#include <thread>

#include "ledger/crypto/keys.h"
#include "ledger/engine/chain_engine.h"

namespace assay::ledger {

struct ProducerOptions {
    uint64_t min_interval_ms = 200;
    uint64_t heartbeat_ms = 5'000;
    // Unix milliseconds. Header times are this clock's, moved forward where it stands still.
    std::function<uint64_t()> clock;
    MempoolLimits mempool;
};

class EmbeddedProducer : public ChainEngine {
public:
    // kUnauthorized unless `key` is the genesis producer's.
    static Result<std::unique_ptr<EmbeddedProducer>> create(LocalApplication& app,
                                                            Database& database,
                                                            const pb::Genesis& genesis,
                                                            PrivateKey key,
                                                            ProducerOptions options);
    ~EmbeddedProducer() override;

    Status start() override;
    void stop() override;
    CheckResult submit(ByteView tx) override;

    // One block now, also an empty one.
    Result<CommittedBlock> produce_block();

private:
    EmbeddedProducer(LocalApplication& app, Database& database, PrivateKey key,
                     ProducerOptions options)
        : ChainEngine(app, database, options.mempool),
          key_(std::move(key)),
          options_(std::move(options)) {}

    Result<CommittedBlock> produce_and_commit();
    void run();

    const PrivateKey key_;
    const ProducerOptions options_;
    Address address_;

    std::mutex produce_mutex_;  // one block at a time

    std::mutex wake_mutex_;
    std::condition_variable wake_;
    bool stopping_ = false;  // guarded by wake_mutex_
    std::thread thread_;
};

}  // namespace assay::ledger
