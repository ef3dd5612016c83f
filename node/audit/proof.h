// A proof that the ledger holds (or lacks) one value, complete enough to be checked offline: the
// value, its path to the app hash, and the signed header that carries the app hash.
//
// Ownership: values. Threads: pure. Errors: kCorrupt naming the part that does not fit. The path is
// checked by ledger/state/verify.h, which needs SHA-256 alone.
#pragma once

#include <optional>

#include "base/bytes.h"
#include "base/result.h"
#include "ledger.pb.h"
#include "ledger/codec/address.h"

namespace assay::node {

struct LedgerProof {
    bool is_event = false;       // else a key of the state tree
    Bytes key;                   // state key; unused for an event
    uint64_t event_index = 0;    // position in the event log
    std::optional<Bytes> value;  // nullopt: the key has no value
    Bytes proof;
    pb::BlockHeader header;
    Bytes signature;  // of the header, by header.producer
};

// Why the header is believed. With neither, that of any producer passes: the caller compares.
struct ProofTrust {
    std::optional<ledger::Address> producer;  // who must have signed it
    std::optional<Hash256> app_hash;  // known from elsewhere, as from a light client of CometBFT
};
Status verify_proof(const LedgerProof& proof, const ProofTrust& trust);

}  // namespace assay::node
