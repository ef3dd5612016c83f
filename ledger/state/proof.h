// Builds state proofs: that a key has a value under a root, or that it has none. verify.h checks
// them.
//
// Ownership and threads: as the NodeReader. Errors: those of the reader. Format:
// docs/formats/state.md.
#pragma once

#include "ledger/state/tree.h"
#include "ledger/state/verify.h"

namespace assay::ledger {

struct TreeProof {
    ProofEnd end = ProofEnd::kEmpty;
    std::optional<Slot> leaf;       // the leaf at the end of the path, if one is there
    std::vector<Hash256> siblings;  // from the end of the path up to the root
};

// The path of `key_hash` in the tree whose root node has version `root_version`.
[[nodiscard]] Result<TreeProof> prove_key(const NodeReader& reader, uint64_t root_version,
                                          const Hash256& key_hash);
[[nodiscard]] Bytes encode_tree_proof(const TreeProof& proof);

}  // namespace assay::ledger
