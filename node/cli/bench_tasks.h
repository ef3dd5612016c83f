// The traffic of a busy task market, for `assay bench ledger`: one requester posts jobs, providers
// accept, commit and reveal what the rules offer them.
//
// Ownership: none of its own. Threads: one. Errors: those of signing and of quoting a job.
#pragma once

#include <vector>

#include "contracts/commitment.h"
#include "contracts/transactions.h"
#include "ledger/bench.h"

namespace assay::node {

class TaskTraffic {
public:
    static constexpr uint32_t kProviders = 100;
    // Blocks until as many tasks end as begin.
    static constexpr uint32_t kWarmUpBlocks = 30;

    // Of its chain: a stake counts at once, a result is final after a second.
    static pb::Params params();

    // The transactions of the next block. The first account is the requester, the next ones are
    // the providers.
    Result<std::vector<Bytes>> next(const ledger::BenchAccounts& accounts,
                                    const ledger::ReadView& state);

private:
    void add(size_t sender, contracts::TxType type, const google::protobuf::Message& payload);
    void register_provider(size_t provider);
    void answer(size_t provider, const pb::Task& task, const pb::Slot& slot);

    const ledger::BenchAccounts* accounts_ = nullptr;  // during next()
    std::vector<uint64_t> nonces_;
    std::vector<Bytes> block_;
    Status failure_;
};

}  // namespace assay::node
