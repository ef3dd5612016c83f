// Decodes transactions and recovers their senders, remembering signatures already recovered, so
// that a transaction is checked once when it is submitted and not again when its block is executed.
//
// A remembered entry is keyed by the hash of the raw bytes, signature included, so it can never
// stand for other bytes. Ownership: borrows the pool. Threads: all methods may be called from any
// thread. Errors: as TxCodes inside DecodedTx.
#pragma once

#include <mutex>
#include <unordered_map>
#include <vector>

#include "ledger/codec/transaction.h"
#include "ledger/worker_pool.h"

namespace assay::ledger {

// Bounded map from transaction hash to sender. Two generations: when the young one is full it
// becomes the old one, and what was not used since is forgotten.
class SenderCache {
public:
    explicit SenderCache(size_t capacity) : generation_size_(capacity / 2 + 1) {}
    [[nodiscard]] std::optional<Address> find(const Hash256& hash);
    void insert(const Hash256& hash, const Address& sender);

private:
    struct FirstBytes {
        size_t operator()(const Hash256& hash) const { return read_be64(hash.view()); }
    };
    using Map = std::unordered_map<Hash256, Address, FirstBytes>;
    void insert_locked(const Hash256& hash, const Address& sender);

    const size_t generation_size_;
    std::mutex mutex_;
    Map young_;  // guarded by mutex_
    Map old_;    // guarded by mutex_
};

inline constexpr size_t kSenderCacheEntries = 65'536;  // about 8 MiB

class TxVerifier {
public:
    explicit TxVerifier(WorkerPool& pool) : pool_(pool), cache_(kSenderCacheEntries) {}

    [[nodiscard]] DecodedTx verify(ByteView raw, std::string_view chain_id);
    // In the order of `raw`; spreads the work over the pool.
    [[nodiscard]] std::vector<DecodedTx> verify_all(const std::vector<Bytes>& raw,
                                                    std::string_view chain_id);

private:
    WorkerPool& pool_;
    SenderCache cache_;
};

}  // namespace assay::ledger
