// What one transaction costs against a state of a given size, split by where the time goes:
// signature, rules, tree, store.
//
// Part of the benchmark (ledger/bench.h). Blocks of signed transfers are made outside the measured
// time; recipients are drawn from all accounts. Ownership: creates a ledger in `directory`, which
// the caller removes. Threads: one at a time, beside the pool it is given. Errors: those of the
// ledger, and kInternal if a transfer fails.
#pragma once

#include <memory>

#include "ledger/bench.h"
#include "ledger/codec/transaction.h"
#include "ledger/crypto/keys.h"
#include "ledger/executor.h"
#include "ledger/state/database.h"
#include "ledger/tx_verifier.h"

namespace assay::ledger {

inline constexpr std::string_view kBenchChain = "bench";

struct BenchAccounts {
    std::vector<PrivateKey> keys;  // of the senders, which come first; the producer's is the first
    std::vector<Address> addresses;
};
[[nodiscard]] Result<BenchAccounts> make_bench_accounts(uint32_t accounts, uint32_t senders);
[[nodiscard]] pb::Genesis bench_genesis(const BenchAccounts& accounts, const Bytes& params);
// Transfer number `index` of a run in which senders take turns.
[[nodiscard]] Result<Bytes> bench_transfer(const BenchAccounts& accounts,
                                           const BenchOptions& options, uint64_t index);

class SplitBench {
public:
    // Loads the accounts. `rules`, `options` and `pool` must outlive the benchmark.
    static Result<std::unique_ptr<SplitBench>> create(const Rules& rules,
                                                      const BenchOptions& options, WorkerPool& pool,
                                                      uint32_t accounts,
                                                      const std::string& directory);
    // Runs `count` blocks of kBlockTransactions transfers, and counts them if `measured`.
    Status run_blocks(uint32_t count, bool measured);
    // Means over the measured blocks.
    [[nodiscard]] BenchSplit figures() const;

    // Writes a snapshot into `directory` and makes a database of it there.
    Result<BenchSnapshot> run_snapshot(const std::string& directory) const;

    static constexpr uint32_t kBlockTransactions = 1'000;

private:
    SplitBench(const Rules& rules, const BenchOptions& options, WorkerPool& pool)
        : options_(options), executor_(rules), verifier_(pool) {}
    Status load(uint32_t accounts, const std::string& directory);
    Status run_block(bool measured);
    Result<std::vector<Bytes>> next_transfers();

    const BenchOptions& options_;
    const Executor executor_;
    TxVerifier verifier_;
    std::unique_ptr<Database> database_;
    BenchAccounts accounts_;
    Hash256 params_hash_;
    uint64_t next_index_ = 0;
    uint64_t measured_ = 0;  // transactions
    BenchSplit sum_;
};

}  // namespace assay::ledger
