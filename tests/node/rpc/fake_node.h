// Test support: an engine and application without consensus or storage, over a small hand-made
// state that holds one of everything the RPC shows.
//
// Ownership: FakeNode owns all of it. Threads: as ledger/engine/engine.h. Errors: what the test
// sets.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>

#include "ledger/state/view.h"
#include "node/rpc/services.h"

namespace assay::node::testing {

inline Hash256 filled_hash(uint8_t byte) {
    Hash256 hash;
    hash.bytes.fill(byte);
    return hash;
}
inline ledger::Address filled_address(uint8_t byte) {
    ledger::Address address;
    address.bytes.fill(byte);
    return address;
}

class FakeApplication : public ledger::Application {
public:
    FakeApplication();
    ledger::AppInfo info() const override;
    Result<Hash256> init_chain(const pb::Genesis&) override;
    ledger::CheckResult check_tx(ByteView, bool) override { return {}; }
    std::vector<Bytes> prepare_proposal(std::vector<Bytes> txs, uint64_t) override { return txs; }
    Result<bool> process_proposal(const ledger::ProposedBlock&) override { return true; }
    std::vector<ledger::SnapshotInfo> list_snapshots() const override { return {}; }
    Result<Bytes> load_snapshot_chunk(uint64_t, uint32_t, uint32_t) const override;
    Status offer_snapshot(const ledger::SnapshotInfo&, const Hash256&) override;
    Result<bool> apply_snapshot_chunk(uint32_t, ByteView) override;
    Result<ledger::FinalizedBlock> finalize_block(const ledger::ProposedBlock&) override;
    Status commit() override { return {}; }
    Result<ledger::QueryReply> query(const ledger::QueryRequest& request) const override;
    std::shared_ptr<const ledger::ReadView> committed_state() const override { return state_; }

    std::atomic<uint64_t> height{3};
    std::atomic<uint32_t> app_version{ledger::kAppVersion};

private:
    std::shared_ptr<ledger::State> state_;
};

class FakeEngine : public ledger::Engine {
public:
    explicit FakeEngine(FakeApplication& application);
    Status start() override { return {}; }
    void stop() override {}
    ledger::CheckResult submit(ByteView tx) override;
    uint64_t height() const override;
    Hash256 head_hash() const override { return filled_hash(0x66); }
    Result<Bytes> encoded_block(uint64_t height) const override;
    Result<ledger::CommittedBlock> block(uint64_t height) const override;
    std::optional<ledger::TxLocation> find_tx(const Hash256& hash) const override;
    size_t mempool_size() const override { return 0; }
    const pb::Genesis& genesis() const override { return genesis_; }
    uint64_t next_nonce(const ledger::Address&) const override { return 9; }
    uint64_t subscribe(Listener listener) override;
    void unsubscribe(uint64_t token) override;
    std::string failure() const override;

    // Adds a block with one event per pair (type, job id hex or empty) and tells the listeners.
    void commit(const std::vector<std::pair<std::string, std::string>>& events);

    // Guarded by mutex while the server runs.
    mutable std::mutex mutex;
    ledger::TxCode check_code = ledger::TxCode::kOk;
    std::map<Hash256, ledger::TxLocation> found;
    std::vector<Bytes> submitted;
    std::string failure_text;

private:
    FakeApplication& application_;
    pb::Genesis genesis_;
    std::vector<ledger::CommittedBlock> blocks_;  // height 1 first; guarded by mutex
    std::mutex listener_mutex_;
    std::map<uint64_t, Listener> listeners_;
};

struct FakeNode {
    FakeApplication application;
    FakeEngine engine{application};
    std::mutex mutex;
    pb::TxBody last_signed;  // guarded by mutex
    OfferOutcome offered{1, 1, ""};

    Services services();
};

}  // namespace assay::node::testing
