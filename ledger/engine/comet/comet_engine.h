// CometEngine: the blocks come from CometBFT, which this node runs as a process of its own and
// answers over ABCI. Application, state, stored blocks and audit are those of the other engines.
//
// A block's header is made from what the validators decided (height, time, transactions) and what
// execution gives; it carries no producer. The app hash given to CometBFT is the application's, so
// that an empty block that changes nothing needs no proof block.
// Ownership: borrows application and database; owns the engine's process and its socket. Threads:
// as ledger/engine/engine.h; requests are answered on the connections' threads, those of consensus
// one at a time. Errors: a broken law or a failed write is answered with an exception, which stops
// CometBFT, and failure() tells why.
#pragma once

#include <memory>
#include <mutex>

#include "abci.pb.h"
#include "ledger/engine/chain_engine.h"
#include "ledger/engine/comet/abci_server.h"
#include "ledger/engine/comet/home.h"
#include "ledger/engine/comet/process.h"
#include "ledger/engine/comet/rpc_client.h"

namespace assay::ledger::comet {

struct CometOptions {
    EngineConfig config;
    std::string program;  // cometbft; empty: nobody is started (tests play the engine)
    std::function<void(const std::string&)> log;
};

class CometEngine : public ChainEngine {
public:
    static Result<std::unique_ptr<CometEngine>> create(LocalApplication& app, Database& database,
                                                       const pb::Genesis& genesis,
                                                       CometOptions options);
    ~CometEngine() override;

    Status start() override;
    void stop() override;
    // To the engine's mempool, which asks us back whether it is valid.
    CheckResult submit(ByteView tx) override;
    [[nodiscard]] size_t mempool_size() const override;
    [[nodiscard]] std::vector<std::string> engine_peers() const override;
    // From the engine's store: it must run.
    [[nodiscard]] Result<Bytes> certificate(uint64_t height) const override;

    // One ABCI request.
    abci::Response handle(const abci::Request& request);

private:
    CometEngine(LocalApplication& app, Database& database, CometOptions options);

    abci::Response info() const;
    abci::Response init_chain(const abci::RequestInitChain& request);
    abci::Response check_tx(const abci::RequestCheckTx& request);
    abci::Response prepare_proposal(const abci::RequestPrepareProposal& request);
    abci::Response process_proposal(const abci::RequestProcessProposal& request);
    abci::Response finalize_block(const abci::RequestFinalizeBlock& request);
    abci::Response commit();
    abci::Response query(const abci::RequestQuery& request) const;
    abci::Response list_snapshots() const;
    abci::Response load_snapshot_chunk(const abci::RequestLoadSnapshotChunk& request) const;
    abci::Response offer_snapshot(const abci::RequestOfferSnapshot& request);
    abci::Response apply_snapshot_chunk(const abci::RequestApplySnapshotChunk& request);
    void note(const std::string& text) const;
    abci::Response stopped(const Error& error);

    const CometOptions options_;
    mutable RpcClient rpc_;
    std::unique_ptr<AbciServer> server_;
    std::unique_ptr<EngineProcess> process_;

    std::mutex consensus_mutex_;
    struct Decided {
        pb::Block block;
        FinalizedBlock outcome;
    };
    std::optional<Decided> decided_;  // guarded by consensus_mutex_
};

}  // namespace assay::ledger::comet
