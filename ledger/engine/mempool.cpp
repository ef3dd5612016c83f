#include "ledger/engine/mempool.h"

namespace assay::ledger {

TxCode Mempool::can_add(size_t tx_bytes) const {
    const bool fits = entries_.size() < limits_.transactions && tx_bytes <= limits_.bytes - bytes_;
    return fits ? TxCode::kOk : TxCode::kMempoolFull;
}

bool Mempool::has_room_for(const Address& sender) const {
    const auto it = per_sender_.find(sender);
    return it == per_sender_.end() || it->second < limits_.per_sender;
}

void Mempool::add(ByteView raw, const CheckResult& checked) {
    if (contains(checked.hash)) return;
    entries_.push_back({bytes_of(raw), checked.hash, checked.sender});
    by_hash_[checked.hash] = std::prev(entries_.end());
    ++per_sender_[checked.sender];
    bytes_ += raw.size();
}

void Mempool::remove(const Hash256& hash) {
    const auto it = by_hash_.find(hash);
    if (it != by_hash_.end()) erase(it->second);
}

std::vector<Bytes> Mempool::oldest(size_t max_count, size_t max_bytes) const {
    std::vector<Bytes> out;
    size_t used = 0;
    for (const Entry& entry : entries_) {
        if (out.size() == max_count || used + entry.raw.size() > max_bytes) break;
        used += entry.raw.size();
        out.push_back(entry.raw);
    }
    return out;
}

void Mempool::erase(Entries::iterator entry) {
    bytes_ -= entry->raw.size();
    by_hash_.erase(entry->hash);
    const auto sender = per_sender_.find(entry->sender);
    if (--sender->second == 0) per_sender_.erase(sender);
    entries_.erase(entry);
}

}  // namespace assay::ledger
