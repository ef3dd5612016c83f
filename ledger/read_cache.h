// Remembers what one block's execution has read, so that parameters and busy accounts are fetched
// from the database once a block.
//
// Ownership: borrows its base, which must not change while the cache lives. Threads: none; one
// execution. Errors: as the base.
#pragma once

#include <string>
#include <unordered_map>

#include "ledger/state/view.h"

namespace assay::ledger {

class ReadCache : public ReadView {
public:
    explicit ReadCache(const ReadView& base) : base_(base) {}

    [[nodiscard]] std::optional<Bytes> get(ByteView key) const override {
        const auto [entry, is_new] = values_.try_emplace(std::string(text_of(key)));
        if (is_new) entry->second = base_.get(key);
        return entry->second;
    }
    void scan(ByteView prefix, const Visitor& visit) const override { base_.scan(prefix, visit); }

private:
    const ReadView& base_;
    // Looked up, never walked: its order reaches nothing.
    mutable std::unordered_map<std::string, std::optional<Bytes>> values_;
};

}  // namespace assay::ledger
