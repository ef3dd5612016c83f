#include "tests/node/audit/audit_chain.h"

#include <gtest/gtest.h>

#include "ledger/audit/export.h"
#include "ledger/codec/canonical.h"
#include "ledger/codec/transaction.h"

namespace assay::test {
namespace {

constexpr uint64_t kGenesisTimeMs = 1'700'000'000'000;
constexpr size_t kAccounts = kFirstProvider + kProviders;

ledger::PrivateKey key_of(size_t index) {
    return ledger::testing::toy_key(static_cast<uint8_t>(index));
}

pb::Genesis audit_genesis(uint32_t version, const pb::Params& params) {
    pb::Genesis genesis;
    genesis.set_chain_id(kChain);
    genesis.set_time_ms(kGenesisTimeMs);
    genesis.set_app_version(version);
    genesis.set_producer(contracts::to_raw(who(kProducer)));
    genesis.set_params(std::string(text_of(ledger::encode_message(params))));
    std::vector<std::string> addresses;
    for (size_t i = 0; i < kAccounts; ++i) addresses.push_back(contracts::to_raw(who(i)));
    for (const std::string& address : addresses) {
        auto* account = genesis.add_accounts();
        account->set_address(address);
        account->set_balance(kGenesisBalance);
    }
    return genesis;
}

}  // namespace

Address who(size_t index) {
    return key_of(index).address();
}

AuditChain::AuditChain(const ledger::Rules& rules, uint32_t version, const pb::Params& params)
    : now_ms_(kGenesisTimeMs) {
    ledger::DatabaseOptions options;
    options.sync = false;
    database_ = ledger::Database::open(directory_.file("node"), options).value();
    app_ = ledger::LocalApplication::open(rules, *database_).value();
    ledger::ProducerOptions producing;
    producing.clock = [this] { return now_ms_; };
    producer_ = ledger::EmbeddedProducer::create(*app_, *database_, audit_genesis(version, params),
                                                 key_of(kProducer), std::move(producing))
                    .value();
}

Bytes AuditChain::signed_by_sender(const Tx& tx) const {
    pb::TxBody body;
    body.set_chain_id(kChain);
    body.set_nonce(producer_->next_nonce(tx.sender));
    body.set_expiry_height(producer_->height() + 100);
    body.set_fee(tx.fee);
    body.set_type(static_cast<uint32_t>(tx.type));
    body.set_payload(tx.payload);
    size_t index = 0;
    while (who(index) != tx.sender) ++index;
    return ledger::sign_transaction(body, key_of(index)).value();
}

ledger::CheckResult AuditChain::submit(const Tx& tx) {
    return producer_->submit(signed_by_sender(tx));
}

void AuditChain::send(const Tx& tx) {
    const auto checked = submit(tx);
    EXPECT_EQ(ledger::tx_code_name(checked.code), ledger::tx_code_name(TxCode::kOk)) << checked.log;
}

void AuditChain::close(uint64_t ms) {
    now_ms_ += ms;
    const auto block = producer_->produce_block();
    ASSERT_TRUE(block.ok()) << block.error().message;
    for (const auto& result : block->block.results()) EXPECT_EQ(result.code(), 0U);
}

void AuditChain::answer(pb::SlotState state,
                        const std::function<Tx(const Address&, size_t)>& make) {
    const pb::Task found = task();
    size_t index = 0;
    for (const auto& slot : found.slots())
        if (slot.state() == state) send(make(contracts::stored_address(slot.operator_()), index++));
    EXPECT_EQ(index, 3U);
    close();
}

void AuditChain::play_job() {
    for (size_t i = 0; i < kProviders; ++i) {
        send(bond(who(kFirstProvider + i), 10 * kMinStake));
        send(register_provider(who(kFirstProvider + i)));
    }
    send(pay(who(kRequester), who(kStranger), 7));
    close();
    job_ = job_of(who(kRequester), producer_->next_nonce(who(kRequester)));
    task_ = train_task(job_);
    const auto spec = tiny_job();
    send(post_job(who(kRequester), spec, escrow_of(spec)));
    close();
    close();  // its beacon assigns the slots
    const auto result = [](size_t index) { return result_named(index == 2 ? "wrong" : "right"); };
    answer(pb::SLOT_OFFERED, [&](const Address& op, size_t) { return accept(op, task_); });
    answer(pb::SLOT_ACCEPTED,
           [&](const Address& op, size_t i) { return commit(op, task_, result(i)); });
    answer(pb::SLOT_COMMITTED,
           [&](const Address& op, size_t i) { return reveal(op, task_, result(i)); });
    // The time for disputes passes, block by block: a silent chain would be given longer.
    for (int i = 0; i < 40 && task().state() != pb::TASK_FINAL; ++i) close(1'000);
    close();
}

pb::Task AuditChain::task() const {
    return contracts::get_task(*app_->committed_state(), task_.view()).value();
}

std::string AuditChain::export_file(const std::string& name) const {
    const std::string path = directory_.file(name);
    EXPECT_TRUE(ledger::export_ledger(*producer_, path).ok());
    return path;
}

uint64_t AuditChain::height_of(std::string_view type) const {
    for (uint64_t h = 1; h <= producer_->height(); ++h) {
        const auto block = producer_->block(h).value();
        for (const auto& event : block.events)
            if (event.type() == type) return h;
    }
    return 0;
}

}  // namespace assay::test
