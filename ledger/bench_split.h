// What one transaction costs against a state of a given size, split by where the time goes:
// signature, rules, tree, store.
//
// Part of the benchmark (ledger/bench.h). Blocks of signed transactions are made outside the
// measured time; recipients of transfers are drawn from all accounts. Ownership: creates a ledger
// in `directory`, which the caller removes. Threads: one at a time, beside the pool it is given.
// Errors: those of the ledger, and kInternal if a transaction fails.
#pragma once

#include <memory>

#include "ledger/bench.h"
#include "ledger/codec/transaction.h"
#include "ledger/executor.h"
#include "ledger/state/database.h"
#include "ledger/tx_verifier.h"

namespace assay::ledger {

[[nodiscard]] Result<BenchAccounts> make_bench_accounts(uint32_t accounts, uint32_t senders);
[[nodiscard]] pb::Genesis bench_genesis(const BenchAccounts& accounts, const Bytes& params);
// Transfer number `index` of a run in which senders take turns.
[[nodiscard]] Result<Bytes> bench_transfer(const BenchAccounts& accounts,
                                           const BenchOptions& options, uint64_t index);

class SplitBench {
public:
    struct Workload {
        uint32_t accounts = 0;
        Bytes params;  // for the genesis
        BenchTraffic traffic;
    };
    // Blocks of kBlockTransactions transfers.
    static Workload transfers(const BenchOptions& options, uint32_t accounts);
    // Loads the accounts. `rules`, `options` and `pool` must outlive the benchmark.
    static Result<std::unique_ptr<SplitBench>> create(const Rules& rules,
                                                      const BenchOptions& options, WorkerPool& pool,
                                                      Workload workload,
                                                      const std::string& directory);
    // Runs `count` blocks, and counts them if `measured`.
    Status run_blocks(uint32_t count, bool measured);
    // Means over the measured blocks.
    [[nodiscard]] BenchSplit figures() const;

    // Writes a snapshot into `directory` and makes a database of it there.
    Result<BenchSnapshot> run_snapshot(const std::string& directory) const;

    static constexpr uint32_t kBlockTransactions = 1'000;

private:
    SplitBench(const Rules& rules, const BenchOptions& options, WorkerPool& pool, Workload workload)
        : options_(options),
          workload_(std::move(workload)),
          executor_(rules, pool),
          verifier_(pool) {}
    Status load(const std::string& directory);
    Status run_block(bool measured);

    const BenchOptions& options_;
    const Workload workload_;
    const Executor executor_;
    TxVerifier verifier_;
    std::unique_ptr<Database> database_;
    BenchAccounts accounts_;
    Hash256 params_hash_;
    uint64_t measured_ = 0;  // transactions
    uint64_t measured_blocks_ = 0;
    BenchSplit sum_;
};

}  // namespace assay::ledger
