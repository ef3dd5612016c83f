#include "ledger/engine/embedded_producer.h"

#include <algorithm>
#include <chrono>

#include "ledger/codec/block.h"

namespace assay::ledger {
namespace {

// The clock is a parameter, so a wait is cut into steps after which it is read again.
constexpr uint64_t kMaxWaitMs = 50;

void set_hash(std::string* field, const Hash256& hash) {
    field->assign(text_of(hash.view()));
}

}  // namespace

Result<std::unique_ptr<EmbeddedProducer>> EmbeddedProducer::create(LocalApplication& app,
                                                                   Database& database,
                                                                   const pb::Genesis& genesis,
                                                                   PrivateKey key,
                                                                   ProducerOptions options) {
    if (!options.clock) return fail(Code::kInvalidArgument, "producer: no clock given");
    const Address address = key.address();
    if (genesis.producer() != text_of(address.view())) {
        return fail(Code::kUnauthorized, "producer: this key is " + to_hex(address.view()) +
                                             ", the genesis names " +
                                             to_hex(view_of(genesis.producer())));
    }
    std::unique_ptr<EmbeddedProducer> producer(
        new EmbeddedProducer(app, database, std::move(key), std::move(options)));
    producer->address_ = address;
    ASSAY_RETURN_IF_ERROR(producer->open_chain(genesis));
    return producer;
}

EmbeddedProducer::~EmbeddedProducer() {
    EmbeddedProducer::stop();
}

Status EmbeddedProducer::start() {
    if (thread_.joinable()) return fail(Code::kAlreadyExists, "producer: already started");
    stopping_ = false;
    thread_ = std::thread([this] { run(); });
    return {};
}

void EmbeddedProducer::stop() {
    {
        const std::lock_guard lock(wake_mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
}

CheckResult EmbeddedProducer::submit(ByteView tx) {
    CheckResult result = admit(tx);
    if (result.code == TxCode::kOk) wake_.notify_one();
    return result;
}

void EmbeddedProducer::run() {
    uint64_t last_ms = 0;  // 0: the first block is due at once
    std::unique_lock lock(wake_mutex_);
    while (!stopping_) {
        const uint64_t now_ms = options_.clock();
        last_ms = std::min(last_ms, now_ms);  // a clock set back must not stop the blocks
        const uint64_t wait_ms =
            mempool_size() > 0 ? options_.min_interval_ms : options_.heartbeat_ms;
        const uint64_t due_ms = last_ms == 0 ? now_ms : last_ms + wait_ms;
        if (now_ms < due_ms) {
            wake_.wait_for(lock, std::chrono::milliseconds(std::min(due_ms - now_ms, kMaxWaitMs)));
            continue;
        }
        last_ms = std::max<uint64_t>(now_ms, 1);
        lock.unlock();
        const auto produced = produce_block();
        lock.lock();
        if (!produced) return;
    }
}

Result<CommittedBlock> EmbeddedProducer::produce_block() {
    const std::lock_guard lock(produce_mutex_);
    if (const std::string why = failure(); !why.empty())
        return fail(Code::kInternal, "the engine has stopped: " + why);
    auto committed = produce_and_commit();
    if (!committed) set_failure(committed.error());
    return committed;
}

Result<EmbeddedProducer::Execution> EmbeddedProducer::execute_candidates() {
    const ChainTip head = tip();
    Execution execution;
    execution.proposal.height = head.height + 1;
    execution.proposal.time_ms = std::max(options_.clock(), head.time_ms + 1);
    execution.proposal.previous_hash = head.hash;
    execution.proposal.transactions = app_.prepare_proposal(mempool_candidates(), kMaxBlockTxBytes);
    ASSAY_ASSIGN(execution.outcome, app_.finalize_block(execution.proposal));

    // What turned out not to be includable (an account emptied by an earlier transaction, say) had
    // no effect; a second run without it gives the same state and a valid block.
    std::vector<Bytes> included;
    for (size_t i = 0; i < execution.outcome.results.size(); ++i) {
        const auto code = static_cast<TxCode>(execution.outcome.results[i].code());
        Bytes& tx = execution.proposal.transactions[i];
        if (is_included(code))
            included.push_back(std::move(tx));
        else
            execution.refused.push_back(tx_hash(tx));
    }
    execution.proposal.transactions = std::move(included);
    if (!execution.refused.empty()) {
        ASSAY_ASSIGN(execution.outcome, app_.finalize_block(execution.proposal));
    }
    return execution;
}

Result<CommittedBlock> EmbeddedProducer::produce_and_commit() {
    ASSAY_ASSIGN(Execution execution, execute_candidates());
    const ProposedBlock& proposal = execution.proposal;
    pb::Block block;
    pb::BlockHeader& header = *block.mutable_header();
    header.set_chain_id(genesis().chain_id());
    header.set_app_version(genesis().app_version());
    header.set_height(proposal.height);
    header.set_time_ms(proposal.time_ms);
    set_hash(header.mutable_previous_hash(), proposal.previous_hash);
    set_hash(header.mutable_transactions_root(), transactions_root(proposal.transactions));
    set_hash(header.mutable_results_root(), results_root(execution.outcome.results));
    set_hash(header.mutable_app_hash(), execution.outcome.app_hash);
    header.set_producer(std::string(text_of(address_.view())));
    ASSAY_ASSIGN(const Bytes signature, sign_header(header, key_));
    block.set_signature(std::string(text_of(signature)));
    for (const Bytes& tx : proposal.transactions) block.add_transactions(std::string(text_of(tx)));
    for (const pb::TxResult& result : execution.outcome.results) *block.add_results() = result;
    return commit_block(std::move(block), std::move(execution.outcome), execution.refused);
}

}  // namespace assay::ledger
