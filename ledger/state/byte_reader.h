// Reads integers, hashes and bytes from front to back, for formats that others send: after any
// failure ok() stays false and reads give zeros.
// Ownership: borrows the bytes. Threads: one. Errors: ok().
#pragma once

#include "base/bytes.h"

namespace assay::ledger {

class ByteReader {
public:
    explicit ByteReader(ByteView bytes) : rest_(bytes) {}

    uint64_t integer(size_t bytes) {  // big-endian
        uint64_t value = 0;
        for (const uint8_t byte : take(bytes)) value = value << 8 | byte;
        return value;
    }
    Hash256 hash() { return hash_from(take(32)).value_or(Hash256{}); }
    ByteView take(size_t count) {
        if (count > rest_.size()) ok_ = false;
        if (!ok_) return {};
        const ByteView taken = rest_.first(count);
        rest_ = rest_.subspan(count);
        return taken;
    }
    [[nodiscard]] bool ok() const { return ok_; }
    [[nodiscard]] bool finished() const { return ok_ && rest_.empty(); }

private:
    ByteView rest_;
    bool ok_ = true;
};

}  // namespace assay::ledger
