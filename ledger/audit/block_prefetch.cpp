#include "ledger/audit/block_prefetch.h"

#include <algorithm>

#include "ledger/codec/block.h"

namespace assay::ledger {
namespace {

unsigned helper_count(unsigned threads) {
    if (threads == 0) threads = std::max(1U, std::thread::hardware_concurrency());
    return std::min(threads - 1, BlockPrefetch::kMaxHelpers);
}

}  // namespace

Result<SharedBlock> decode_shared(const Bytes& encoded) {
    ASSAY_ASSIGN(pb::Block block, decode_block(encoded));
    return std::make_shared<const pb::Block>(std::move(block));
}

BlockPrefetch::BlockPrefetch(TxVerifier& verifier, std::string chain_id, unsigned threads)
    : verifier_(verifier), chain_id_(std::move(chain_id)), helpers_(helper_count(threads)) {}

void BlockPrefetch::start(const Bytes& encoded) {
    if (helpers_ == 0) return;
    next_ = 0;
    std::promise<Result<SharedBlock>> promise;
    block_ = promise.get_future().share();
    threads_.emplace_back([this, encoded, promise = std::move(promise)]() mutable {
        promise.set_value(decode_shared(encoded));
        check_signatures(block_.get());
    });
    for (unsigned i = 1; i < helpers_; ++i)
        threads_.emplace_back([this] { check_signatures(block_.get()); });
}

Result<SharedBlock> BlockPrefetch::take() {
    Result<SharedBlock> block = block_.get();
    check_signatures(block);
    join();
    block_ = {};
    return block;
}

void BlockPrefetch::check_signatures(const Result<SharedBlock>& block) {
    if (!block) return;
    const auto& transactions = (*block)->transactions();
    for (int i = next_++; i < transactions.size(); i = next_++)
        static_cast<void>(verifier_.verify(view_of(transactions[i]), chain_id_));
}

void BlockPrefetch::join() {
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
}

}  // namespace assay::ledger
