// Mempool: transactions that passed check_tx and wait for a block, in arrival order.
//
// Bounded in count, bytes and transactions of one sender; what does not fit is refused, nothing is
// evicted, so an accepted transaction leaves only in a block or because a recheck failed. Nonces,
// and that a balance covers the fees of all that waits, are the application's business (check_tx).
// Ownership: owns the raw bytes. Threads: none of its own; the engine guards it. Errors: can_add
// names the limit through a TxCode.
#pragma once

#include <list>
#include <map>
#include <vector>

#include "ledger/application.h"

namespace assay::ledger {

struct MempoolLimits {
    size_t transactions = 20'000;
    size_t bytes = 32 * 1024 * 1024;
    size_t per_sender = 4'096;
};

class Mempool {
public:
    explicit Mempool(MempoolLimits limits = {}) : limits_(limits) {}

    [[nodiscard]] bool contains(const Hash256& hash) const { return by_hash_.contains(hash); }
    // kOk, or kMempoolFull when one more of this size does not fit. Ask before check_tx, which
    // reserves the nonce.
    [[nodiscard]] TxCode can_add(size_t tx_bytes) const;
    // False when the sender has as many waiting as one sender may have.
    [[nodiscard]] bool has_room_for(const Address& sender) const;
    void add(ByteView raw, const CheckResult& checked);
    void remove(const Hash256& hash);

    // Oldest first, until the next one would pass max_bytes.
    [[nodiscard]] std::vector<Bytes> oldest(size_t max_count, size_t max_bytes) const;
    // Calls keep(raw) for each, oldest first, and removes those for which it returns false.
    template <typename Keep>
    void retain(const Keep& keep) {
        for (auto it = entries_.begin(); it != entries_.end();) {
            const auto entry = it++;
            if (!keep(ByteView(entry->raw))) erase(entry);
        }
    }

    [[nodiscard]] size_t size() const { return entries_.size(); }
    [[nodiscard]] size_t bytes() const { return bytes_; }

private:
    struct Entry {
        Bytes raw;
        Hash256 hash;
        Address sender;
    };
    using Entries = std::list<Entry>;
    void erase(Entries::iterator entry);

    const MempoolLimits limits_;
    Entries entries_;
    std::map<Hash256, Entries::iterator> by_hash_;
    std::map<Address, size_t> per_sender_;
    size_t bytes_ = 0;
};

}  // namespace assay::ledger
