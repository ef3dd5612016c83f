// Decodes the next block and checks its signatures while the block before it executes.
//
// Whoever needs the block helps with what is left of it, so that no thread waits for another. What
// was checked is remembered by the verifier. Ownership: borrows the verifier; joins its threads in
// the destructor. Threads: one caller. Errors: a block that cannot be decoded is the result of
// take(); a wrong signature is not an error here.
#pragma once

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "ledger.pb.h"
#include "ledger/tx_verifier.h"

namespace assay::ledger {

using SharedBlock = std::shared_ptr<const pb::Block>;
[[nodiscard]] Result<SharedBlock> decode_shared(const Bytes& encoded);

class BlockPrefetch {
public:
    static constexpr unsigned kMaxHelpers = 7;

    // `threads` counts the caller's; 0 means one for each processor.
    BlockPrefetch(TxVerifier& verifier, std::string chain_id, unsigned threads);
    ~BlockPrefetch() { join(); }
    BlockPrefetch(const BlockPrefetch&) = delete;
    BlockPrefetch& operator=(const BlockPrefetch&) = delete;

    // Does nothing without helpers. Only after the block before it was taken.
    void start(const Bytes& encoded);
    [[nodiscard]] bool has_block() const { return block_.valid(); }
    // The started block, once all its signatures were looked at.
    [[nodiscard]] Result<SharedBlock> take();

private:
    void check_signatures(const Result<SharedBlock>& block);
    void join();

    TxVerifier& verifier_;
    const std::string chain_id_;
    const unsigned helpers_;
    std::shared_future<Result<SharedBlock>> block_;  // changes only while no helper runs
    std::atomic<int> next_{0};                       // the next transaction to check
    std::vector<std::thread> threads_;
};

}  // namespace assay::ledger
