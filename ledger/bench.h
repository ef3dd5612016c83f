// How fast the ledger is on this machine: signed transactions through check, execution and commit,
// and replay from genesis, split by where the time goes.
//
// Works with any rules; the caller says how a transfer is encoded, and what other work there is.
// Ownership: works in a directory of its own, removed at the end. Threads: starts the engine's and
// `submitters` of its own. Errors: those of the ledger, and kInternal if a transaction of the
// benchmark fails.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/codec/address.h"
#include "ledger/crypto/keys.h"
#include "ledger/rules.h"

namespace assay::ledger {

inline constexpr uint32_t kFewAccounts = 1'000;
inline constexpr std::string_view kBenchChain = "bench";

struct BenchAccounts {
    std::vector<PrivateKey> keys;  // of the senders, which come first; the producer's is the first
    std::vector<Address> addresses;
};
// Signed by the sender's key.
[[nodiscard]] Result<Bytes> bench_transaction(const BenchAccounts& accounts, size_t sender,
                                              uint64_t nonce, uint32_t type, uint64_t fee,
                                              const Bytes& payload);

// The transactions of the next block, from the state that the block before left.
using BenchTraffic =
    std::function<Result<std::vector<Bytes>>(const BenchAccounts& accounts, const ReadView& state)>;

struct BenchOptions {
    uint32_t accounts = 1'000;  // in the state; recipients are drawn from all
    uint32_t senders = 1'000;   // of them have keys
    uint32_t transactions = 50'000;
    uint64_t block_interval_ms = 200;
    unsigned threads = 2;  // for signatures
    unsigned submitters = 1;
    std::string directory;  // parent of the working directory; empty: the system's temporary one

    // The transfer under these rules.
    uint32_t transfer_type = 0;
    uint64_t fee = 0;
    std::function<Bytes(const Address& to, uint64_t amount)> transfer_payload;
    Bytes params;  // for the genesis

    // Something else than transfers, on a chain of its own with `senders` accounts. Left out: not
    // measured. The first `work_warm_up` blocks do not count.
    BenchTraffic work;
    Bytes work_params;
    uint32_t work_warm_up = 0;

    // Blocks of 1,000 transfers measured for each split, after a quarter as many to warm up.
    uint32_t split_blocks = 40;

    std::function<uint64_t()> now_us;  // a monotonic clock
    std::function<uint64_t()> cpu_us;  // processor time of this process; may be left out
};

// Means, in microseconds a transaction, one block after another.
struct BenchSplit {
    uint32_t accounts = 0;
    double transactions = 0;    // in a block
    double signature_us = 0;    // decode and recover, on `threads` threads
    double execute_us = 0;      // rules and invariants, on one
    double tree_us = 0;         // state tree and event log, on one
    double store_us = 0;        // the batch, with fsync
    double cpu_us = 0;          // processor time of all threads, the store's own among them
    double signing_cpu_us = 0;  // making the transactions; not part of the above

    [[nodiscard]] double total_us() const { return signature_us + execute_us + tree_us + store_us; }
};

// The same of a replay's blocks after the first. The file is read and signatures are checked while
// the block before is executed.
struct BenchReplay {
    double signature_us = 0;  // what is waited for, with reading and decoding
    double execute_us = 0;
    double tree_us = 0;
    double check_us = 0;  // results, events and header against the file
    double store_us = 0;  // without fsync
};

// A snapshot of the state after the splits' blocks, and a new database from it.
struct BenchSnapshot {
    uint64_t bytes = 0;
    double write_seconds = 0;
    double restore_seconds = 0;  // every chunk checked against the app hash
};

struct BenchReport {
    uint64_t transactions = 0;
    uint64_t blocks = 0;
    // Submitted to a running producer, fsync at every block; until the last one is committed.
    double committed_per_second = 0;
    // The export of that chain, replayed and verified.
    double replayed_per_second = 0;
    BenchReplay replay;
    // At kFewAccounts, and at `accounts` where that is more: the cost of a large state.
    std::vector<BenchSplit> splits;
    std::optional<BenchSplit> work;
    BenchSnapshot snapshot;  // at the most accounts
};

Result<BenchReport> bench_ledger(const Rules& rules, const BenchOptions& options);

}  // namespace assay::ledger
