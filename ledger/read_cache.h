// Remembers what one block's execution has read, so that parameters and busy accounts are fetched
// from the database once a block, and fetches on several threads what it will read.
//
// Ownership: borrows its base, which must not change while the cache lives. Threads: one, and
// those of the pool; the base is read from all of them. Errors: as the base.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "ledger/state/view.h"
#include "ledger/worker_pool.h"

namespace assay::ledger {

class ReadCache : public ReadView {
public:
    explicit ReadCache(const ReadView& base) : base_(base) {}

    [[nodiscard]] std::optional<Bytes> get(ByteView key) const override {
        const auto known = values_.find(text_of(key));
        if (known != values_.end()) return known->second;
        return values_.emplace(text_of(key), base_.get(key)).first->second;
    }
    void scan(ByteView prefix, const Visitor& visit) const override { base_.scan(prefix, visit); }

    // `keys`: ascending, each once.
    void fetch(const std::vector<Bytes>& keys, WorkerPool& pool) {
        std::vector<std::optional<Bytes>> found(keys.size());
        pool.for_each(keys.size(), [&](size_t i) { found[i] = base_.get(keys[i]); });
        values_.reserve(values_.size() + keys.size());
        for (size_t i = 0; i < keys.size(); ++i)
            values_.emplace(text_of(keys[i]), std::move(found[i]));
    }

private:
    const ReadView& base_;
    struct Hash {
        using is_transparent = void;
        size_t operator()(std::string_view key) const { return std::hash<std::string_view>{}(key); }
    };
    // Looked up, never walked: its order reaches nothing.
    mutable std::unordered_map<std::string, std::optional<Bytes>, Hash, std::equal_to<>> values_;
};

}  // namespace assay::ledger
