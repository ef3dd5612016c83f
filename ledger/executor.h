// Runs the transactions of one block through the rules and collects every change of the state.
//
// Each transaction runs on a State of its own over the block's, so a refused one leaves nothing.
// The laws (Rules::broken_invariant) are checked on every transaction's changes, on those of the
// block's end and on the block as a whole. Ownership: borrows the rules and the pool, which
// fetches what the transactions will read. Threads: const and stateless. Errors: kInternal when a
// law is broken, with height, transaction hash, law and values; the caller must stop: nothing of
// such a block may be stored.
#pragma once

#include "ledger/application.h"
#include "ledger/codec/transaction.h"
#include "ledger/worker_pool.h"

namespace assay::ledger {

struct ExecutedBlock {
    std::vector<pb::TxResult> results;
    std::vector<pb::Event> events;
    State::Changes changes;  // over the state before the block
    std::vector<ValidatorPower> validator_updates;
    std::string refusal;  // of the first transaction that may not be in it, why; for people only
};

// May a transaction be included at `height`? kExpired otherwise.
[[nodiscard]] TxCode check_expiry(const pb::TxBody& body, uint64_t height);

class Executor {
public:
    Executor(const Rules& rules, WorkerPool& pool) : rules_(rules), pool_(pool) {}

    [[nodiscard]] Result<State::Changes> run_genesis(const pb::Genesis& genesis,
                                                     const ReadView& empty) const;
    [[nodiscard]] Result<ExecutedBlock> run_block(const BlockInfo& block,
                                                  const std::vector<DecodedTx>& transactions,
                                                  const ReadView& before) const;

private:
    Result<pb::TxResult> run_transaction(const BlockInfo& block, const DecodedTx& decoded,
                                         State& block_state, Events& events,
                                         std::string& why) const;

    [[nodiscard]] std::vector<Bytes> likely_reads(const std::vector<DecodedTx>& transactions) const;

    const Rules& rules_;
    WorkerPool& pool_;
};

}  // namespace assay::ledger
