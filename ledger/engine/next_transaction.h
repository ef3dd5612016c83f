// The body of a sender's next transaction on an engine's chain, ready to be signed.
//
// Threads: any, but whoever signs and submits must do both before asking for the sender's next one,
// or two transactions share a nonce.
#pragma once

#include "ledger/engine/engine.h"

namespace assay::ledger {

// Long enough to pass a busy mempool, short enough that a lost transaction's nonce is soon free.
inline constexpr uint64_t kExpiryBlocks = 200;

// payload: the canonical encoding of the message of that transaction type. fee: micro-units.
pb::TxBody next_transaction(const Engine& engine, const Address& sender, uint32_t type,
                            ByteView payload, uint64_t fee);

}  // namespace assay::ledger
