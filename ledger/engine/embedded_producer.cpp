#include "ledger/engine/embedded_producer.h"

#include <algorithm>
#include <chrono>

#include "ledger/codec/block.h"

namespace assay::ledger {
namespace {

// The clock is a parameter, so a wait is cut into steps after which it is read again.
constexpr uint64_t kMaxWaitMs = 50;

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

Result<CommittedBlock> EmbeddedProducer::produce_and_commit() {
    const uint64_t time_ms = std::max(options_.clock(), tip().time_ms + 1);
    ASSAY_ASSIGN(Execution execution,
                 execute_candidates(mempool_candidates(), time_ms, kMaxBlockTxBytes));
    pb::Block block = block_of(execution.proposal, execution.outcome);
    block.mutable_header()->set_producer(std::string(text_of(address_.view())));
    ASSAY_ASSIGN(const Bytes signature, sign_header(block.header(), key_));
    block.set_signature(std::string(text_of(signature)));
    return commit_block(std::move(block), std::move(execution.outcome), execution.refused);
}

}  // namespace assay::ledger
