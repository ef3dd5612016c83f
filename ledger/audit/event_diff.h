// The events that an export records beside a block, and how they differ from those that the rules
// give.
//
// Ownership and threads: pure functions. Errors: kCorrupt for bytes that are no list of events.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "ledger.pb.h"

namespace assay::ledger {

// Each event as be32 length || canonical Event (docs/formats/ledger-export.md).
[[nodiscard]] Bytes encode_event_list(const std::vector<Bytes>& events);
[[nodiscard]] Result<std::vector<Bytes>> decode_event_list(ByteView payload);

// "payment operator=... amount=100"
[[nodiscard]] std::string event_text(const pb::Event& event);

// The first difference, as "events[3].operator: recorded ..., due ...: ..."; nullopt when equal.
[[nodiscard]] std::optional<std::string> first_event_difference(const std::vector<Bytes>& recorded,
                                                                const std::vector<pb::Event>& due);

}  // namespace assay::ledger
