#include "ledger/anchor.h"

#include <algorithm>

#include "ledger/codec/block.h"

namespace assay::ledger {
namespace {

constexpr size_t kHashes = 3;
constexpr size_t kAnchorBytes = sizeof(uint32_t) + 2 * sizeof(uint64_t) + kHashes * 32;

std::string text(const Hash256& hash) {
    return std::string(text_of(hash.view()));
}

}  // namespace

Bytes anchor_key() {
    return {0x00};
}

Bytes encode_anchor(const Anchor& anchor) {
    Bytes out;
    append_be32(out, anchor.app_version);
    append_be64(out, anchor.height);
    append_be64(out, anchor.time_ms);
    append(out, anchor.previous_hash.view());
    append(out, anchor.transactions_root.view());
    append(out, anchor.results_root.view());
    return out;
}

Result<Anchor> decode_anchor(ByteView bytes) {
    if (bytes.size() != kAnchorBytes)
        return fail(Code::kCorrupt, "anchor: has " + std::to_string(bytes.size()) + " bytes, not " +
                                        std::to_string(kAnchorBytes));
    Anchor anchor;
    anchor.app_version = read_be32(bytes);
    anchor.height = read_be64(bytes.subspan(4));
    anchor.time_ms = read_be64(bytes.subspan(12));
    bytes = bytes.subspan(20);
    for (Hash256* hash : {&anchor.previous_hash, &anchor.transactions_root, &anchor.results_root}) {
        std::copy_n(bytes.begin(), hash->bytes.size(), hash->bytes.begin());
        bytes = bytes.subspan(hash->bytes.size());
    }
    return anchor;
}

void add_anchor(const ProposedBlock& block, const std::vector<pb::TxResult>& results,
                uint32_t app_version, const ReadView& before, State::Changes& changes) {
    // Writing what is there already changes nothing.
    const bool changed = std::any_of(changes.begin(), changes.end(), [&](const auto& change) {
        return before.get(change.first) != change.second;
    });
    if (!changed) return;
    const Anchor anchor{app_version,
                        block.height,
                        block.time_ms,
                        block.previous_hash,
                        transactions_root(block.transactions),
                        results_root(results)};
    changes[anchor_key()] = encode_anchor(anchor);
}

pb::BlockHeader header_of(const Anchor& anchor, const Hash256& app_hash,
                          const pb::Genesis& genesis) {
    pb::BlockHeader header;
    header.set_chain_id(genesis.chain_id());
    header.set_app_version(anchor.app_version);
    header.set_height(anchor.height);
    header.set_time_ms(anchor.time_ms);
    header.set_previous_hash(text(anchor.previous_hash));
    header.set_transactions_root(text(anchor.transactions_root));
    header.set_results_root(text(anchor.results_root));
    header.set_app_hash(text(app_hash));
    header.set_producer(genesis.producer());
    return header;
}

}  // namespace assay::ledger
