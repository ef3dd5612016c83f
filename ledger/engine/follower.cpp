#include "ledger/engine/follower.h"

#include "ledger/codec/block.h"

namespace assay::ledger {
namespace {

Error at_height(uint64_t height, const Error& error) {
    return fail(error.code, "height " + std::to_string(height) + ": " + error.message);
}

}  // namespace

Result<std::unique_ptr<Follower>> Follower::create(LocalApplication& app, Database& database,
                                                   const pb::Genesis& genesis,
                                                   FollowerOptions options) {
    std::unique_ptr<Follower> follower(new Follower(app, database, std::move(options)));
    ASSAY_RETURN_IF_ERROR(follower->open_chain(genesis));
    return follower;
}

void Follower::stop() {
    const std::lock_guard lock(apply_mutex_);
    stopped_ = true;
}

CheckResult Follower::submit(ByteView tx) {
    CheckResult local = admit(tx);
    const bool is_waiting = local.code == TxCode::kAlreadyPending;
    if ((local.code != TxCode::kOk && !is_waiting) || !options_.relay) return local;
    CheckResult answer = options_.relay(tx);
    answer.hash = local.hash;
    answer.sender = local.sender;
    answer.nonce = local.nonce;
    answer.fee = local.fee;
    // Already waiting at the producer (through another node, say) is as good as accepted.
    const bool is_lost = answer.code != TxCode::kOk && answer.code != TxCode::kAlreadyPending;
    if (is_lost && !is_waiting) forget(local);
    return answer;
}

Status Follower::apply(ByteView encoded_block) {
    {
        const std::lock_guard lock(apply_mutex_);
        ASSAY_RETURN_IF_ERROR(apply_next(encoded_block));
    }
    relay_passed_over();
    return {};
}

// Without this the next nonces of the sender would be refused until the lost one expires.
void Follower::relay_passed_over() {
    if (!options_.relay) return;
    const std::lock_guard lock(relay_mutex_);
    std::vector<Bytes> first = mempool_candidates(1);
    Bytes oldest = first.empty() ? Bytes{} : std::move(first.front());
    const bool is_passed_over = !oldest.empty() && oldest == oldest_waiting_;
    oldest_waiting_ = std::move(oldest);
    if (!is_passed_over) return;
    for (const Bytes& tx : mempool_candidates()) {
        const TxCode code = options_.relay(tx).code;
        // A producer that still has the oldest has the others too.
        if (code == TxCode::kAlreadyPending || code == TxCode::kNotAccepting ||
            code == TxCode::kMempoolFull)
            return;
    }
}

Status Follower::apply_next(ByteView encoded_block) {
    if (stopped_) return fail(Code::kUnavailable, "follower: stopped");
    if (const std::string why = failure(); !why.empty())
        return fail(Code::kInternal, "the engine has stopped: " + why);
    const ChainTip head = tip();
    auto block = decode_block(encoded_block);
    if (!block) return at_height(head.height + 1, block.error());
    if (block->header().height() != head.height + 1) {
        return fail(Code::kConflict, "height " + std::to_string(block->header().height()) +
                                         ": the next block is " + std::to_string(head.height + 1));
    }
    if (const Status known = app_.check_version(); !known) {
        set_failure(known.error());
        return known.error();
    }
    const uint32_t version = app_.info().app_version;
    if (const Status valid = check_before_execution(*block, head, genesis(), version); !valid)
        return at_height(head.height + 1, valid.error());

    // From here on the producer's signature stands behind every byte.
    auto executed = app_.finalize_block(proposal_of(*block, head));
    Status outcome = executed ? check_after_execution(*block, *executed) : executed.error();
    if (outcome) {
        const auto committed = commit_block(std::move(*block), std::move(*executed), {});
        if (committed) return {};
        outcome = committed.error();
    }
    const Error error = at_height(head.height + 1, outcome.error());
    set_failure(error);
    return error;
}

}  // namespace assay::ledger
