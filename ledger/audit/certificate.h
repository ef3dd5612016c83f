// Certificates: that CometBFT's validators decided a block, checked without CometBFT.
//
// A certificate is the engine's header of that height and the commit on it. The header binds chain,
// height, time, transactions, the validators and the app hash before the block; the commit holds
// Ed25519 signatures. Formats: cometbft v0.38.25 types/block.go, types/vote.go.
// Ownership: values only. Threads: pure functions. Errors: kCorrupt with the field at fault, as in
// "certificate.commit.signatures[2]: ...".
#pragma once

#include "abci.pb.h"
#include "base/bytes.h"
#include "base/result.h"
#include "ledger.pb.h"

namespace assay::ledger {

inline constexpr size_t kMaxCertificateBytes = 64 * 1024;

// Every signature given, more than two thirds of the power of the genesis's validators, and the
// header against the block. `app_hash`: after the block before.
Status check_certificate(ByteView encoded, const pb::Block& block, const pb::Genesis& genesis,
                         const Hash256& app_hash);

// CometBFT's hash of its header.
[[nodiscard]] Hash256 engine_header_hash(const abci::Header& header);
// What a validator signs for a block (or, without an id, against it).
[[nodiscard]] Bytes vote_sign_bytes(const std::string& chain_id, const abci::Commit& commit,
                                    const abci::CommitSig& signature);

}  // namespace assay::ledger
