#include "ledger/state/event_log.h"

#include <algorithm>
#include <bit>
#include <string>

#include "ledger/state/merkle_hash.h"
#include "ledger/state/verify.h"

namespace assay::ledger {

namespace {

using Hashes = std::vector<Hash256>;

// The largest power of two smaller than `count` (count >= 2): where RFC 6962 splits a tree.
uint64_t split_point(uint64_t count) {
    return std::bit_floor(count - 1);
}

// MTH of leaves [start, start + count), where start is a multiple of bit_ceil(count).
Result<Hash256> range_hash(const LogReader& reader, uint64_t start, uint64_t count) {
    if (std::has_single_bit(count)) {
        const auto level = static_cast<uint8_t>(std::countr_zero(count));
        return reader.read_log_hash({level, start >> level});
    }
    const uint64_t left = split_point(count);
    ASSAY_ASSIGN(const Hash256 left_hash, range_hash(reader, start, left));
    ASSAY_ASSIGN(const Hash256 right_hash, range_hash(reader, start + left, count - left));
    return inner_hash(left_hash, right_hash);
}

// PATH(index, D[start : start + count]) of RFC 6962 section 2.1.1, index relative to start.
Status inclusion_path(const LogReader& reader, uint64_t index, uint64_t start, uint64_t count,
                      Hashes& out) {
    if (count == 1) return {};
    const uint64_t left = split_point(count);
    const bool in_left = index < left;
    ASSAY_RETURN_IF_ERROR(
        in_left ? inclusion_path(reader, index, start, left, out)
                : inclusion_path(reader, index - left, start + left, count - left, out));
    ASSAY_ASSIGN(const Hash256 sibling, in_left ? range_hash(reader, start + left, count - left)
                                                : range_hash(reader, start, left));
    out.push_back(sibling);
    return {};
}

// SUBPROOF(old_count, D[start : start + count], whole) of RFC 6962 section 2.1.2.
Status consistency_path(const LogReader& reader, uint64_t old_count, uint64_t start, uint64_t count,
                        bool whole, Hashes& out) {
    if (old_count == count) {
        if (whole) return {};
        ASSAY_ASSIGN(const Hash256 hash, range_hash(reader, start, count));
        out.push_back(hash);
        return {};
    }
    const uint64_t left = split_point(count);
    const bool in_left = old_count <= left;
    ASSAY_RETURN_IF_ERROR(in_left ? consistency_path(reader, old_count, start, left, whole, out)
                                  : consistency_path(reader, old_count - left, start + left,
                                                     count - left, false, out));
    ASSAY_ASSIGN(const Hash256 sibling, in_left ? range_hash(reader, start + left, count - left)
                                                : range_hash(reader, start, left));
    out.push_back(sibling);
    return {};
}

Bytes encode_log_proof(uint8_t format, uint64_t first, uint64_t second, const Hashes& hashes) {
    Bytes out{format};
    append_be64(out, first);
    append_be64(out, second);
    out.push_back(static_cast<uint8_t>(hashes.size()));
    for (const Hash256& hash : hashes) append(out, hash.view());
    return out;
}

}  // namespace

Result<LogEdge> LogEdge::load(const LogReader& reader, uint64_t size) {
    LogEdge edge;
    edge.size_ = size;
    uint64_t start = 0;
    while (start < size) {
        const uint64_t width = std::bit_floor(size - start);
        ASSAY_ASSIGN(const Hash256 peak, range_hash(reader, start, width));
        edge.peaks_.push_back(peak);
        start += width;
    }
    return edge;
}

Result<LogEdge> LogEdge::of(uint64_t size, std::vector<Hash256> peaks) {
    if (peaks.size() != static_cast<size_t>(std::popcount(size)))
        return fail(Code::kCorrupt, "event log: " + std::to_string(peaks.size()) +
                                        " subtrees cannot have " + std::to_string(size) +
                                        " leaves");
    LogEdge edge;
    edge.size_ = size;
    edge.peaks_ = std::move(peaks);
    return edge;
}

LogEdge::Written LogEdge::positioned_peaks() const {
    Written positioned;
    uint64_t start = 0;
    for (const Hash256& peak : peaks_) {
        const auto level = static_cast<uint8_t>(std::bit_width(size_ - start) - 1);
        positioned.emplace_back(LogPosition{level, start >> level}, peak);
        start += uint64_t{1} << level;
    }
    return positioned;
}

void LogEdge::append(const Hash256& leaf_hash, Written& written) {
    Hash256 hash = leaf_hash;
    written.emplace_back(LogPosition{0, size_}, hash);
    for (uint8_t level = 1; (size_ >> (level - 1) & 1) != 0; ++level) {
        hash = inner_hash(peaks_.back(), hash);
        peaks_.pop_back();
        written.emplace_back(LogPosition{level, size_ >> level}, hash);
    }
    peaks_.push_back(hash);
    ++size_;
}

Hash256 LogEdge::root() const {
    if (peaks_.empty()) return plain_hash({});
    Hash256 hash = peaks_.back();
    for (auto peak = peaks_.rbegin() + 1; peak != peaks_.rend(); ++peak)
        hash = inner_hash(*peak, hash);
    return hash;
}

Result<Bytes> prove_log_inclusion(const LogReader& reader, uint64_t index, uint64_t size) {
    if (index >= size)
        return fail(Code::kInvalidArgument, "event log: index " + std::to_string(index) +
                                                " is not below the log size " +
                                                std::to_string(size));
    Hashes path;
    ASSAY_RETURN_IF_ERROR(inclusion_path(reader, index, 0, size, path));
    return encode_log_proof(kLogInclusionFormat, index, size, path);
}

Result<Bytes> prove_log_consistency(const LogReader& reader, uint64_t old_size, uint64_t new_size) {
    if (old_size > new_size)
        return fail(Code::kInvalidArgument, "event log: old size " + std::to_string(old_size) +
                                                " is above the new size " +
                                                std::to_string(new_size));
    Hashes path;
    if (old_size != 0)
        ASSAY_RETURN_IF_ERROR(consistency_path(reader, old_size, 0, new_size, true, path));
    return encode_log_proof(kLogConsistencyFormat, old_size, new_size, path);
}

}  // namespace assay::ledger
