// Identifiers and commitments: every hash that the rules define (docs/formats/ledger.md).
//
// Shared with the provider agent, which must commit with the same bytes. Each is a tagged hash over
// a fixed layout, integers big-endian and variable text preceded by its length, so that no two
// inputs share an encoding. Threads: pure functions. Errors: none.
#pragma once

#include "base/bytes.h"
#include "contracts.pb.h"
#include "ledger/codec/address.h"

namespace assay::contracts {

using ledger::Address;

// Known to the requester before it posts: the next nonce of its account fixes it.
[[nodiscard]] Hash256 job_id(std::string_view chain_id, const Address& requester, uint64_t nonce);
[[nodiscard]] Hash256 task_id(ByteView job_id, pb::TaskKind kind, uint32_t round, uint32_t shard);

// What a replica found: an output and a trace, or the step at which the arithmetic diverged.
struct TaskResult {
    pb::ArtifactRef output;
    pb::ArtifactRef trace;
    bool diverged = false;
    uint32_t fault_step = 0;
};
[[nodiscard]] TaskResult result_of(const pb::TaskReveal& reveal);

// Binds the operator: a copied commitment cannot be revealed by another one. `salt` is 32 random
// bytes that stay secret until the reveal.
[[nodiscard]] Hash256 commitment(std::string_view chain_id, ByteView task_id, const Address& op,
                                 const TaskResult& result, ByteView salt);

// Uniform 64 bits per (beacon, task, operator), for the market's draw.
[[nodiscard]] uint64_t draw_of(const Hash256& beacon, ByteView task_id, const Address& op);

}  // namespace assay::contracts
