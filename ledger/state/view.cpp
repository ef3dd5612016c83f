#include "ledger/state/view.h"

#include <algorithm>

namespace assay::ledger {

namespace {

bool starts_with(ByteView key, ByteView prefix) {
    return key.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), key.begin());
}

}  // namespace

std::optional<Bytes> State::get(ByteView key) const {
    const auto found = changes_.find(key);
    return found == changes_.end() ? base_.get(key) : found->second;
}

void State::scan(ByteView prefix, const Visitor& visit) const {
    auto next = changes_.lower_bound(prefix);
    const auto pending = [&] { return next != changes_.end() && starts_with(next->first, prefix); };
    // Visits the pending writes below `limit` (all if nullopt); false once the visitor has enough.
    const auto visit_pending = [&](std::optional<ByteView> limit) {
        for (; pending() && (!limit || BytesLess{}(next->first, *limit)); ++next)
            if (next->second && !visit(next->first, *next->second)) return false;
        return true;
    };

    bool more = true;
    base_.scan(prefix, [&](ByteView key, ByteView value) {
        more = visit_pending(key);
        if (!more) return false;
        if (pending() && !BytesLess{}(key, next->first)) {  // same key: the pending write wins
            more = !next->second || visit(next->first, *next->second);
            ++next;
        } else {
            more = visit(key, value);
        }
        return more;
    });
    if (more) visit_pending(std::nullopt);
}

void State::put(ByteView key, Bytes value) {
    changes_.insert_or_assign(bytes_of(key), std::move(value));
}

void State::erase(ByteView key) {
    changes_.insert_or_assign(bytes_of(key), std::nullopt);
}

void State::merge(Changes changes) {
    while (!changes.empty()) {
        auto moved = changes_.insert(changes.extract(changes.begin()));
        if (!moved.inserted) moved.position->second = std::move(moved.node.mapped());
    }
}

}  // namespace assay::ledger
