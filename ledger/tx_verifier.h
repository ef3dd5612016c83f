// Decodes transactions and recovers their senders, remembering those already checked, so that a
// transaction is checked once when it is submitted and not again when its block is executed.
//
// A remembered entry is keyed by the hash of the raw bytes, signature included, so it can never
// stand for other bytes. Ownership: borrows the pool. Threads: all methods may be called from any
// thread. Errors: as TxCodes inside DecodedTx.
#pragma once

#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "ledger/codec/transaction.h"
#include "ledger/worker_pool.h"

namespace assay::ledger {

// What is kept of a transaction whose signature is right.
struct RememberedTx {
    Address sender;
    std::shared_ptr<const DecodedTx> decoded;  // null for a long one
};

// Bounded map from transaction hash to what is known of it. Two generations: when the young one is
// full it becomes the old one, and what was not used since is forgotten.
class TxCache {
public:
    explicit TxCache(size_t capacity) : generation_size_(capacity / 2 + 1) {}
    [[nodiscard]] std::optional<RememberedTx> find(const Hash256& hash);
    void insert(const Hash256& hash, RememberedTx remembered);

private:
    struct FirstBytes {
        size_t operator()(const Hash256& hash) const { return read_be64(hash.view()); }
    };
    using Map = std::unordered_map<Hash256, RememberedTx, FirstBytes>;
    void insert_locked(const Hash256& hash, RememberedTx remembered);

    const size_t generation_size_;
    std::mutex mutex_;
    Map young_;  // guarded by mutex_
    Map old_;    // guarded by mutex_
};

// Together at most about 80 MiB; usual transfers take about 30.
inline constexpr size_t kTxCacheEntries = 65'536;
inline constexpr size_t kMaxRememberedTxBytes = 512;  // longer ones are decoded again

class TxVerifier {
public:
    explicit TxVerifier(WorkerPool& pool) : pool_(pool), cache_(kTxCacheEntries) {}

    [[nodiscard]] DecodedTx verify(ByteView raw, std::string_view chain_id);
    // In the order of `raw`; spreads the work over the pool.
    [[nodiscard]] std::vector<DecodedTx> verify_all(const std::vector<Bytes>& raw,
                                                    std::string_view chain_id);

private:
    WorkerPool& pool_;
    TxCache cache_;
};

}  // namespace assay::ledger
