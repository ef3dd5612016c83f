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
#include "ledger/rules.h"

namespace assay::ledger {

inline constexpr size_t kMaxCertificateBytes = 64 * 1024;

// Who signs a block and who signs the next one. What a block changes counts two blocks later.
struct Signers {
    std::vector<ValidatorPower> now, next;
};

// Every signature given, more than two thirds of the power, and the header against the block.
// `app_hash`: after the block before.
Status check_certificate(ByteView encoded, const pb::Block& block, const Signers& signers,
                         const Hash256& app_hash);

// CometBFT's hash of its header.
[[nodiscard]] Hash256 engine_header_hash(const abci::Header& header);
// What a validator signs for a block (or, without an id, against it).
[[nodiscard]] Bytes vote_sign_bytes(const std::string& chain_id, const abci::Commit& commit,
                                    const abci::CommitSig& signature);

}  // namespace assay::ledger
