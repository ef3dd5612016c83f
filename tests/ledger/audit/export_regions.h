// What each byte of a ledger export belongs to, read by a parser of its own, so that a test can say
// which field the problem of a changed bit must name.
// Ownership: values. Threads: pure. Errors: none; the input is an honest export.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "ledger/codec/block.h"

namespace assay::ledger::testing {

// Where a bit lies in the file, and the words with which the problem must start.
struct Region {
    size_t begin = 0;
    size_t end = 0;
    std::string field;
    bool is_events = false;  // of the block at this height
};

inline uint64_t read_varint(ByteView bytes, size_t& at) {
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
        const uint8_t byte = bytes[at++];
        value |= uint64_t{byte & 0x7fU} << shift;
        if (byte < 0x80) return value;
    }
}

// The value bytes of every field of a block at `offset`; tags and lengths are left out.
inline void add_block_regions(ByteView block, size_t offset, std::vector<Region>& out) {
    const char* const header_names[] = {
        "",         "chain_id",      "app_version",       "height",
        "time_ms",  "previous_hash", "transactions_root", "results_root",
        "app_hash", "producer"};
    int transaction = 0;
    for (size_t at = 0; at < block.size();) {
        const uint8_t tag = block[at++];
        const size_t length = read_varint(block, at);
        const size_t begin = at;
        at += length;
        if (tag >> 3 == 2) out.push_back({offset + begin, offset + at, "signature"});
        if (tag >> 3 == 3)
            out.push_back({offset + begin, offset + at,
                           "transactions[" + std::to_string(transaction++) + "]"});
        if (tag >> 3 == 4) out.push_back({offset + begin, offset + at, "results"});
        if (tag >> 3 != 1) continue;
        for (size_t inner = begin; inner < at;) {
            const uint8_t inner_tag = block[inner++];
            const size_t start = inner;
            const uint64_t value = read_varint(block, inner);
            const bool is_bytes = (inner_tag & 7) == 2;
            if (is_bytes) inner += value;
            out.push_back({offset + (is_bytes ? inner - value : start), offset + inner,
                           std::string("header.") + header_names[inner_tag >> 3]});
        }
    }
}

inline std::vector<Region> regions_of(const Bytes& file, std::vector<Region>& frames) {
    std::vector<Region> fields;
    uint64_t height = 0;
    for (size_t at = 12; at + 32 < file.size();) {
        const uint8_t kind = file[at];
        const size_t length = read_be64(ByteView(file).subspan(at + 1)) >> 32;
        const size_t begin = at + 5;
        if (kind == 'B') {
            ++height;
            add_block_regions(ByteView(file).subspan(begin, length), begin, fields);
        }
        const std::string where = kind == 'G'   ? "genesis"
                                  : kind == 'B' ? "height " + std::to_string(height)
                                  : kind == 'V' ? "height " + std::to_string(height + 1)
                                                : "trailer";
        frames.push_back({at, begin + length, where, kind == 'V'});
        at = begin + length;
    }
    return fields;
}

inline const Region* region_at(const std::vector<Region>& regions, size_t byte) {
    for (const Region& region : regions)
        if (region.begin <= byte && byte < region.end) return &region;
    return nullptr;
}

class BitFlip {
public:
    explicit BitFlip(const Bytes& file) : file_(file), fields_(regions_of(file, frames_)) {}

    // Empty if `problem` names what the changed bit belongs to, else what was expected.
    std::string unnamed(size_t byte, const Bytes& changed, const std::string& problem) const {
        const Region* frame = region_at(frames_, byte);
        if (!frame) return problem.starts_with("file.") ? "" : "file.*";
        if (frame->is_events) {
            const std::string start = frame->field + ": ";
            const bool ok =
                problem.starts_with(start + "events[") || problem.starts_with(start + "frame");
            return ok ? "" : start + "events[...";
        }
        if (frame->field == "trailer") {
            const bool ok = problem.starts_with("trailer.") ||
                            problem.find(": frame") != std::string::npos ||
                            problem.find("frame.") != std::string::npos;
            return ok ? "" : "trailer.*";
        }
        // "genesis: ..." or, where it can be told, "genesis.chain_id: ...".
        if (frame->field == "genesis") return problem.starts_with("genesis") ? "" : "genesis";
        if (!problem.starts_with(frame->field + ":")) return frame->field + ": ...";
        const Region* field = region_at(fields_, byte);
        if (!field) return "";  // a tag or length
        // Bytes that are no block any more can only be named as such.
        const auto payload =
            ByteView(changed).subspan(frame->begin + 5, frame->end - frame->begin - 5);
        if (!decode_block(payload)) return "";
        const std::string expected = frame->field + ": " + field->field;
        return problem.starts_with(expected) ? "" : expected;
    }

private:
    const Bytes& file_;
    std::vector<Region> frames_;
    std::vector<Region> fields_;
};

}  // namespace assay::ledger::testing
