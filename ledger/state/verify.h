// Checks proofs about the ledger with nothing but SHA-256: no store, no tree, no network. A light
// client or an auditor needs this file, merkle_hash and app_hash only.
//
// Ownership and threads: pure functions. Errors: an empty Status means proven; kCorrupt means the
// proof is malformed or proves something else, and the message says which. Proofs come from
// strangers: every length is checked before it is used and every encoding is canonical, so a
// changed bit anywhere makes a proof fail. Formats: docs/formats/state.md.
#pragma once

#include <optional>

#include "base/bytes.h"
#include "base/result.h"
#include "ledger/state/app_hash.h"

namespace assay::ledger {

constexpr size_t kMaxStateSiblings = 256;  // depth of the binary tree over 256-bit key hashes
constexpr size_t kMaxLogSiblings = 128;    // a consistency proof of 2^64 leaves needs fewer

// First byte of an encoded proof, so that one kind is never read as another.
constexpr uint8_t kStateProofFormat = 1;
constexpr uint8_t kLogInclusionFormat = 2;
constexpr uint8_t kLogConsistencyFormat = 3;

// What stands at the end of the key's path.
enum class ProofEnd : uint8_t { kEmpty = 0, kSameKey = 1, kOtherLeaf = 2 };

// `value`: the value that `key` has under `state_root`; nullopt: that it has none.
[[nodiscard]] Status verify_state_proof(const Hash256& state_root, ByteView key,
                                        std::optional<ByteView> value, ByteView proof);

// `event` is leaf `index` of the log that has `size` leaves and root `log_root`.
[[nodiscard]] Status verify_log_inclusion(const Hash256& log_root, uint64_t size, uint64_t index,
                                          ByteView event, ByteView proof);
// The log of `old_size` leaves is a prefix of the log of `new_size` leaves.
[[nodiscard]] Status verify_log_consistency(uint64_t old_size, const Hash256& old_root,
                                            uint64_t new_size, const Hash256& new_root,
                                            ByteView proof);

// The same against an app hash: the proof starts with the 104 bytes of AppHashParts.
[[nodiscard]] Status verify_app_state(const Hash256& app_hash, ByteView key,
                                      std::optional<ByteView> value, ByteView proof);
[[nodiscard]] Status verify_app_event(const Hash256& app_hash, uint64_t index, ByteView event,
                                      ByteView proof);

// The log under `old_app_hash` is a prefix of the log under `new_app_hash`: the proof starts with
// the AppHashParts of both.
[[nodiscard]] Status verify_app_log_growth(const Hash256& old_app_hash, const Hash256& new_app_hash,
                                           ByteView proof);

constexpr size_t kAppHashPartsBytes = 104;
[[nodiscard]] Bytes encode_app_hash_parts(const AppHashParts& parts);
[[nodiscard]] Result<AppHashParts> decode_app_hash_parts(ByteView bytes);

}  // namespace assay::ledger
