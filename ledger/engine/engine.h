// Engine: what orders transactions into blocks and keeps the chain, as the node sees it.
//
// Implementations: EmbeddedProducer (this node signs the blocks), Follower (re-executes another
// node's blocks). Both own a mempool, the block store and the Application's commit cycle. Threads:
// every method may be called from any thread. Listeners run on the engine's thread after commit, in
// height order, and must return quickly.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "ledger/application.h"

namespace assay::ledger {

struct CommittedBlock {
    pb::Block block;
    Hash256 hash;  // of the header
    std::vector<pb::Event> events;
};

struct TxLocation {
    uint64_t height = 0;
    uint32_t index = 0;
    pb::TxResult result;
};

class Engine {
public:
    virtual ~Engine() = default;
    virtual Status start() = 0;
    virtual void stop() = 0;  // finishes the block under way; idempotent

    virtual CheckResult submit(ByteView tx) = 0;  // check, then mempool (or relay to the producer)
    [[nodiscard]] virtual uint64_t height() const = 0;
    // The first block that is here; a node that began with a snapshot has none before it.
    [[nodiscard]] virtual uint64_t lowest_height() const { return 1; }
    [[nodiscard]] virtual Hash256 head_hash() const = 0;
    [[nodiscard]] virtual Result<Bytes> encoded_block(uint64_t height) const = 0;
    [[nodiscard]] virtual Result<CommittedBlock> block(uint64_t height) const = 0;
    [[nodiscard]] virtual std::optional<TxLocation> find_tx(const Hash256& hash) const = 0;
    // What shows that validators decided the block (ledger/audit/certificate.h), encoded; empty
    // where the block carries its producer's signature.
    [[nodiscard]] virtual Result<Bytes> certificate(uint64_t /*height*/) const { return Bytes{}; }
    // NODEID@host:port of the engines that this one's process is connected to; it may have none.
    [[nodiscard]] virtual std::vector<std::string> engine_peers() const { return {}; }
    [[nodiscard]] virtual size_t mempool_size() const = 0;
    [[nodiscard]] virtual const pb::Genesis& genesis() const = 0;
    // The next nonce an account should use, counting its transactions waiting in the mempool.
    [[nodiscard]] virtual uint64_t next_nonce(const Address& sender) const = 0;

    using Listener = std::function<void(const CommittedBlock&)>;
    virtual uint64_t subscribe(Listener listener) = 0;  // token for unsubscribe
    virtual void unsubscribe(uint64_t token) = 0;       // returns after a running call ended
    // Empty while healthy; else why the engine stopped (a broken invariant, a bad block) with
    // evidence.
    [[nodiscard]] virtual std::string failure() const = 0;
};

}  // namespace assay::ledger
