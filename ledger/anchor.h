// The anchor: what the state itself says of the last block that changed it, so that its header is
// bound by its app hash. Whoever trusts an app hash and holds a proof of this one value knows the
// header, and with it where the chain goes on: that is how a node starts from a snapshot.
//
// A block that changes nothing leaves the anchor as it is, so its app hash stays too.
// Ownership and threads: plain values. Errors: kCorrupt. Format: docs/formats/state.md.
#pragma once

#include "ledger/application.h"

namespace assay::ledger {

struct Anchor {
    uint32_t app_version = 0;  // of the rules that made the block
    uint64_t height = 0;
    uint64_t time_ms = 0;
    Hash256 previous_hash;  // of the header of height - 1
    Hash256 transactions_root;
    Hash256 results_root;
    bool operator==(const Anchor&) const = default;
};

// Tag 0 of the state's keys is the ledger's own.
[[nodiscard]] Bytes anchor_key();
[[nodiscard]] Bytes encode_anchor(const Anchor& anchor);
[[nodiscard]] Result<Anchor> decode_anchor(ByteView bytes);

// To the changes of a block, as executed on `before`, unless they change nothing.
void add_anchor(const ProposedBlock& block, const std::vector<pb::TxResult>& results,
                uint32_t app_version, const ReadView& before, State::Changes& changes);

// The header that it stands for, where `app_hash` is the state's. A producer's signature is beside
// the header, not in it.
[[nodiscard]] pb::BlockHeader header_of(const Anchor& anchor, const Hash256& app_hash,
                                        const pb::Genesis& genesis);

}  // namespace assay::ledger
