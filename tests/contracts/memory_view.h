// The committed state of a test, in memory.
#pragma once

#include <algorithm>

#include "ledger/state/view.h"

namespace assay::test {

class MemoryView final : public ledger::ReadView {
public:
    [[nodiscard]] std::optional<Bytes> get(ByteView key) const override {
        const auto found = entries_.find(bytes_of(key));
        if (found == entries_.end()) return std::nullopt;
        return found->second;
    }
    void scan(ByteView prefix, const Visitor& visit) const override {
        for (auto it = entries_.lower_bound(bytes_of(prefix)); it != entries_.end(); ++it) {
            const bool inside = it->first.size() >= prefix.size() &&
                                std::equal(prefix.begin(), prefix.end(), it->first.begin());
            if (!inside || !visit(it->first, it->second)) return;
        }
    }
    void commit(const ledger::State::Changes& changes) {
        for (const auto& [key, value] : changes) {
            if (value) {
                entries_[key] = *value;
            } else {
                entries_.erase(key);
            }
        }
    }
    [[nodiscard]] const std::map<Bytes, Bytes>& entries() const { return entries_; }

private:
    std::map<Bytes, Bytes> entries_;
};

}  // namespace assay::test
