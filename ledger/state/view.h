// Read and write access to the flat state: ordered byte keys to byte values.
//
// A key is one type-tag byte followed by the object's key; tags belong to the rules above the
// ledger. Ownership: a State borrows its base and must not outlive it. Thread safety: none; a
// committed snapshot view may be read from several threads. Errors: none; storage failure stops the
// node.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <optional>

#include "base/bytes.h"

namespace assay::ledger {

class ReadView {
public:
    virtual ~ReadView() = default;
    [[nodiscard]] virtual std::optional<Bytes> get(ByteView key) const = 0;
    // Calls `visit` for every pair whose key starts with `prefix`, in ascending key order, until it
    // returns false. `visit` must not modify the view.
    using Visitor = std::function<bool(ByteView key, ByteView value)>;
    virtual void scan(ByteView prefix, const Visitor& visit) const = 0;
};

// Ascending bytes; a ByteView finds its Bytes.
struct BytesLess {
    using is_transparent = void;
    bool operator()(ByteView a, ByteView b) const {
        return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end());
    }
};

// A set of pending writes over a base view. Nested States give a transaction its own undo.
class State : public ReadView {
public:
    using Changes = std::map<Bytes, std::optional<Bytes>, BytesLess>;  // nullopt: erased

    explicit State(const ReadView& base) : base_(base) {}
    // Nests like any other base. Without this, State(other_state) would copy all pending writes.
    explicit State(const State& base) : ReadView(base), base_(base) {}
    State& operator=(const State&) = delete;
    [[nodiscard]] std::optional<Bytes> get(ByteView key) const override;
    void scan(ByteView prefix, const Visitor& visit) const override;
    void put(ByteView key, Bytes value);
    void erase(ByteView key);

    const ReadView& base() const { return base_; }
    const Changes& changes() const& { return changes_; }
    Changes changes() && { return std::move(changes_); }
    void merge(Changes changes);  // apply a nested State's writes to this one
    void clear() { changes_.clear(); }

private:
    const ReadView& base_;
    Changes changes_;
};

}  // namespace assay::ledger
