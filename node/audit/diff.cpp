#include "node/audit/diff.h"

#include <algorithm>

#include "ledger/audit/event_diff.h"
#include "ledger/audit/export_file.h"
#include "ledger/codec/block.h"
#include "ledger/codec/canonical.h"
#include "ledger/state/database.h"

namespace assay::node {
namespace {

using ledger::ExportReader;
using ledger::Frame;
using ledger::FrameKind;

constexpr size_t kMaxShownBytes = 96;  // of a raw value

struct Place {
    Frame frame;
    std::optional<Bytes> events;
};

Error in_file(const std::filesystem::path& file, uint64_t height, const Error& error) {
    return fail(error.code,
                file.string() + ": height " + std::to_string(height) + ": " + error.message);
}

Result<Place> next(ExportReader& reader) {
    Place place;
    ASSAY_ASSIGN(place.frame, reader.next());
    if (place.frame.kind != FrameKind::kEvents) return place;
    place.events = std::move(place.frame.payload);
    ASSAY_ASSIGN(place.frame, reader.next());
    return place;
}

std::string shown(std::string_view raw) {
    const std::string text = to_hex(view_of(raw.substr(0, kMaxShownBytes)));
    return raw.size() > kMaxShownBytes ? text + "... (" + std::to_string(raw.size()) + " bytes)"
                                       : text;
}

using Found = std::optional<ExportDifference>;

Found differ(const std::string& field, const std::string& a, const std::string& b) {
    return a == b ? Found() : ExportDifference{0, field, a, b};
}

Found compare_headers(const pb::BlockHeader& a, const pb::BlockHeader& b) {
    const Found found[] = {
        differ("header.chain_id", a.chain_id(), b.chain_id()),
        differ("header.app_version", std::to_string(a.app_version()),
               std::to_string(b.app_version())),
        differ("header.height", std::to_string(a.height()), std::to_string(b.height())),
        differ("header.time_ms", std::to_string(a.time_ms()), std::to_string(b.time_ms())),
        differ("header.previous_hash", shown(a.previous_hash()), shown(b.previous_hash())),
        differ("header.producer", shown(a.producer()), shown(b.producer())),
        differ("header.transactions_root", shown(a.transactions_root()),
               shown(b.transactions_root())),
        differ("header.results_root", shown(a.results_root()), shown(b.results_root())),
        differ("header.app_hash", shown(a.app_hash()), shown(b.app_hash()))};
    for (const Found& one : found)
        if (one) return one;
    return {};
}

Found compare_contents(const pb::Block& a, const pb::Block& b) {
    for (int i = 0; i < std::min(a.transactions_size(), b.transactions_size()); ++i)
        if (auto found = differ("transactions[" + std::to_string(i) + "]", shown(a.transactions(i)),
                                shown(b.transactions(i))))
            return found;
    if (auto found = differ("transactions", std::to_string(a.transactions_size()) + " of them",
                            std::to_string(b.transactions_size()) + " of them"))
        return found;
    for (int i = 0; i < std::min(a.results_size(), b.results_size()); ++i) {
        const std::string name = "results[" + std::to_string(i) + "]";
        if (auto found = differ(name + ".code", std::to_string(a.results(i).code()),
                                std::to_string(b.results(i).code())))
            return found;
        if (auto found = differ(name + ".fee_charged", std::to_string(a.results(i).fee_charged()),
                                std::to_string(b.results(i).fee_charged())))
            return found;
    }
    return differ("results", std::to_string(a.results_size()) + " of them",
                  std::to_string(b.results_size()) + " of them");
}

Found compare_events(const std::optional<Bytes>& a, const std::optional<Bytes>& b) {
    if (!a || !b) return {};  // they are optional
    const auto first = ledger::decode_event_list(*a);
    const auto second = ledger::decode_event_list(*b);
    if (!first || !second) return differ("events", "no list of events", "");
    for (size_t i = 0; i < std::max(first->size(), second->size()); ++i) {
        const auto text = [i](const std::vector<Bytes>& events) -> std::string {
            if (i >= events.size()) return "(none)";
            const auto event =
                ledger::decode_canonical<pb::Event>(events[i], ledger::kMaxEventBytes, "event");
            return event ? ledger::event_text(*event) : shown(text_of(events[i]));
        };
        if (i < first->size() && i < second->size() && (*first)[i] == (*second)[i]) continue;
        return ExportDifference{0, "events[" + std::to_string(i) + "]", text(*first),
                                text(*second)};
    }
    return {};
}

// What was done comes first: of a block whose contents differ, the roots follow from them.
Found compare_blocks(const Place& a, const Place& b, const pb::Block& first,
                     const pb::Block& second) {
    if (auto found = compare_contents(first, second)) return found;
    if (auto found = compare_events(a.events, b.events)) return found;
    if (auto found = compare_headers(first.header(), second.header())) return found;
    return differ("signature", shown(first.signature()), shown(second.signature()));
}

std::string genesis_text(const Frame& frame) {
    return "hash " + shown(text_of(ByteView(frame.payload)
                                       .first(std::min<size_t>(frame.payload.size(),
                                                               sizeof(Hash256::bytes)))));
}

Found compare_genesis(const Frame& a, const Frame& b) {
    if (a.payload == b.payload && a.kind == b.kind) return {};
    return ExportDifference{0, "genesis", genesis_text(a), genesis_text(b)};
}

}  // namespace

Result<ExportComparison> compare_exports(const std::filesystem::path& first,
                                         const std::filesystem::path& second) {
    auto a = ExportReader::open(first.string());
    if (!a) return fail(a.error().code, first.string() + ": " + a.error().message);
    auto b = ExportReader::open(second.string());
    if (!b) return fail(b.error().code, second.string() + ": " + b.error().message);
    ExportComparison comparison;
    for (uint64_t height = 0;; ++height) {
        const auto left = next(*a);
        if (!left) return in_file(first, height, left.error());
        const auto right = next(*b);
        if (!right) return in_file(second, height, right.error());
        if (height == 0) {
            comparison.difference = compare_genesis(left->frame, right->frame);
        } else if (left->frame.kind == FrameKind::kBlock &&
                   right->frame.kind == FrameKind::kBlock) {
            const auto x = ledger::decode_block(left->frame.payload);
            if (!x) return in_file(first, height, x.error());
            const auto y = ledger::decode_block(right->frame.payload);
            if (!y) return in_file(second, height, y.error());
            comparison.difference = compare_blocks(*left, *right, *x, *y);
        } else {
            const auto end = [height](const Place& place) {
                return place.frame.kind == FrameKind::kBlock
                           ? "goes on"
                           : "ends at height " + std::to_string(height - 1);
            };
            comparison.difference = differ("blocks", end(*left), end(*right));
            if (comparison.difference) comparison.difference->height = height;
            return comparison;
        }
        if (comparison.difference) {
            comparison.difference->height = height;
            return comparison;
        }
        if (height > 0) ++comparison.equal_blocks;
    }
}

}  // namespace assay::node
