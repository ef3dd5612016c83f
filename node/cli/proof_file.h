// Proofs about the ledger: fetched from a node, and as a JSON file (docs/formats/state.md).
// Threads: one. Errors: kCorrupt and kInvalidArgument naming the file and the field; those of the
// node.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "node/audit/proof.h"
#include "node/cli/remote.h"

namespace assay::node {

struct ProofQuery {
    std::optional<Bytes> key;  // else the event
    uint64_t event_index = 0;
    uint64_t height = 0;  // 0: the newest
};

// The proof and the signed header it leads to; not verified.
Result<LedgerProof> fetch_proof(Remote& remote, const ProofQuery& query);
// The producer that this home's genesis names, if there is one.
std::optional<ledger::Address> home_producer(const GlobalOptions& globals);

nlohmann::json proof_json(const LedgerProof& proof);
Result<LedgerProof> read_proof_file(const std::string& file);

}  // namespace assay::node
