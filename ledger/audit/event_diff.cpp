#include "ledger/audit/event_diff.h"

#include <algorithm>

#include "ledger/codec/canonical.h"
#include "ledger/state/database.h"

namespace assay::ledger {
namespace {

constexpr size_t kLengthBytes = 4;
constexpr size_t kMaxShownBytes = 600;  // of one event in a message

std::string quoted(const std::string& text) {
    return "'" + text.substr(0, kMaxShownBytes) + "'";
}

std::string differs(const std::string& field, const std::string& recorded, const std::string& due,
                    const pb::Event& event) {
    return field + ": recorded " + quoted(recorded) + ", due " + quoted(due) +
           " by the rules, which give: " + event_text(event).substr(0, kMaxShownBytes);
}

std::string difference_of(const std::string& name, const pb::Event& recorded,
                          const pb::Event& due) {
    if (recorded.type() != due.type())
        return differs(name + ".type", event_text(recorded), due.type(), due);
    if (recorded.height() != due.height())
        return differs(name + ".height", std::to_string(recorded.height()),
                       std::to_string(due.height()), due);
    if (recorded.index() != due.index())
        return differs(name + ".index", std::to_string(recorded.index()),
                       std::to_string(due.index()), due);
    const int common = std::min(recorded.attributes_size(), due.attributes_size());
    for (int i = 0; i < common; ++i) {
        const pb::Attribute& a = recorded.attributes(i);
        const pb::Attribute& b = due.attributes(i);
        if (a.key() != b.key())
            return differs(name + ".attributes[" + std::to_string(i) + "].key", a.key(), b.key(),
                           due);
        if (a.value() != b.value()) return differs(name + "." + b.key(), a.value(), b.value(), due);
    }
    return differs(name + ".attributes", std::to_string(recorded.attributes_size()) + " of them",
                   std::to_string(due.attributes_size()), due);
}

}  // namespace

Bytes encode_event_list(const std::vector<Bytes>& events) {
    Bytes payload;
    for (const Bytes& event : events) {
        append_be32(payload, static_cast<uint32_t>(event.size()));
        append(payload, event);
    }
    return payload;
}

Result<std::vector<Bytes>> decode_event_list(ByteView payload) {
    std::vector<Bytes> events;
    while (!payload.empty()) {
        const std::string name = "events[" + std::to_string(events.size()) + "]";
        if (payload.size() < kLengthBytes)
            return fail(Code::kCorrupt, name + ".length: the list ends too early");
        size_t length = 0;
        for (size_t i = 0; i < kLengthBytes; ++i) length = length << 8 | payload[i];
        payload = payload.subspan(kLengthBytes);
        if (length > kMaxEventBytes || length > payload.size())
            return fail(Code::kCorrupt, name + ".length: " + std::to_string(length) +
                                            " bytes are more than the list holds");
        events.push_back(bytes_of(payload.first(length)));
        payload = payload.subspan(length);
    }
    return events;
}

std::string event_text(const pb::Event& event) {
    std::string text = event.type();
    for (const pb::Attribute& attribute : event.attributes())
        text += " " + attribute.key() + "=" + attribute.value();
    return text;
}

std::optional<std::string> first_event_difference(const std::vector<Bytes>& recorded,
                                                  const std::vector<pb::Event>& due) {
    for (size_t i = 0; i < std::max(recorded.size(), due.size()); ++i) {
        const std::string name = "events[" + std::to_string(i) + "]";
        if (i >= recorded.size())
            return name + ": not recorded, due by the rules: " +
                   event_text(due[i]).substr(0, kMaxShownBytes);
        if (i < due.size() && recorded[i] == encode_message(due[i])) continue;
        const auto event = decode_canonical<pb::Event>(recorded[i], kMaxEventBytes, "event");
        if (!event) return name + ": recorded bytes are no canonical event";
        if (i >= due.size())
            return name + ": recorded " + quoted(event_text(*event)) +
                   ", the rules give no such event";
        return difference_of(name, *event, due[i]);
    }
    return std::nullopt;
}

}  // namespace assay::ledger
