// The event log: an append-only Merkle log as RFC 6962 defines it, with inclusion and consistency
// proofs at every size it ever had.
//
// Stored are the hashes of complete subtrees, keyed (level, index): leaf i is (0, i) and (l, i)
// covers leaves i * 2^l .. (i + 1) * 2^l - 1. They never change, so two hashes per event serve all
// proofs. Ownership: functions over a LogReader, which must outlive the call. Threads: safe if the
// reader is. Errors: those of the reader, and kInvalidArgument for an index or size that the log
// does not have. Format: docs/formats/state.md.
#pragma once

#include <compare>
#include <span>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace assay::ledger {

struct LogPosition {
    uint8_t level = 0;
    uint64_t index = 0;
    auto operator<=>(const LogPosition&) const = default;
};

class LogReader {
public:
    virtual ~LogReader() = default;
    [[nodiscard]] virtual Result<Hash256> read_log_hash(const LogPosition& position) const = 0;
};

// The right edge of a log: the roots of its complete subtrees, largest first. Enough to append and
// to know the root.
class LogEdge {
public:
    using Written = std::vector<std::pair<LogPosition, Hash256>>;

    // The edge of the stored log's first `size` leaves.
    static Result<LogEdge> load(const LogReader& reader, uint64_t size);
    // kCorrupt unless a log of `size` leaves has that many complete subtrees.
    static Result<LogEdge> of(uint64_t size, std::vector<Hash256> peaks);
    // Adds a leaf hash and appends the subtree hashes it completes to `written`.
    void append(const Hash256& leaf_hash, Written& written);

    [[nodiscard]] uint64_t size() const { return size_; }
    [[nodiscard]] Hash256 root() const;  // SHA256("") for the empty log
    [[nodiscard]] const std::vector<Hash256>& peaks() const { return peaks_; }
    // Where they belong: what a store needs in order to go on from here, and to prove what follows.
    [[nodiscard]] Written positioned_peaks() const;

private:
    uint64_t size_ = 0;
    std::vector<Hash256> peaks_;
};

// Encoded as verify_log_inclusion reads it; index < size.
[[nodiscard]] Result<Bytes> prove_log_inclusion(const LogReader& reader, uint64_t index,
                                                uint64_t size);
// Encoded as verify_log_consistency reads it; old_size <= new_size.
[[nodiscard]] Result<Bytes> prove_log_consistency(const LogReader& reader, uint64_t old_size,
                                                  uint64_t new_size);

}  // namespace assay::ledger
