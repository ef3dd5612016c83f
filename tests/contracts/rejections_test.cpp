// Every claimed code that a type of transaction lists, and the codes that keep one out of a block.
#include <gtest/gtest.h>

#include <set>

#include "contracts/limits.h"
#include "ledger/codec/canonical.h"
#include "tests/contracts/scenario.h"

namespace assay::test {
namespace {

const Address alice = named("alice");
const Address bob = named("bob");

// Remembers which (type, claimed code) pairs were produced.
class Rejections : public testing::Test {
protected:
    void refuse(Env& env, const Tx& tx, TxCode code) {
        env(tx, code);
        seen_.insert({tx.type, code});
    }
    // All codes of `type` in kTransactions were produced.
    void expect_complete(TxType type) const {
        const auto* info = contracts::find_transaction(static_cast<uint32_t>(type));
        ASSERT_NE(info, nullptr);
        for (const TxCode code : info->codes)
            EXPECT_TRUE(seen_.contains({type, code}))
                << info->name << " " << ledger::tx_code_name(code);
        size_t listed = 0;
        for (const auto& [seen_type, code] : seen_) listed += seen_type == type ? 1 : 0;
        EXPECT_EQ(listed, info->codes.size());
    }

private:
    std::set<std::pair<TxType, TxCode>> seen_;
};

template <typename Message>
Tx with_payload(TxType type, const Message& message) {
    return Tx{alice, type, std::string(text_of(ledger::encode_message(message))), kFee, {}};
}

// A refused payload is told which field is wrong, what it is and what it may be.
TEST(MalformedPayloads, NameTheField) {
    Env env;
    const auto expect = [&env](const Tx& tx, std::string_view why) {
        env(tx, TxCode::kMalformedPayload);
        EXPECT_EQ(env.why(), why);
    };
    expect(pay(alice, bob, 0), "transfer: amount is 0; it must be from 1 to 9223372036854775807");
    pb::Transfer transfer;
    transfer.set_to("short");
    transfer.set_amount(1);
    expect(with_payload(TxType::kTransfer, transfer), "transfer: to has 5 bytes; it must have 20");

    const auto registration = [](const ProviderOptions& options) {
        pb::ProviderRegister message;
        const Tx tx = register_provider(alice, options);
        EXPECT_TRUE(message.ParseFromString(tx.payload));
        return message;
    };
    auto provider = registration({});
    provider.set_moniker("");
    expect(with_payload(TxType::kProviderRegister, provider),
           "provider_register: moniker has 0 bytes; it must have from 1 to 64");
    provider = registration({});
    provider.set_endpoint("a\nb");
    expect(with_payload(TxType::kProviderRegister, provider),
           "provider_register: endpoint holds a byte that is not printable ASCII");
    provider = registration({.capacity = 65});
    expect(with_payload(TxType::kProviderRegister, provider),
           "provider_register: capacity is 65; it must be from 1 to 64");
    provider = registration({.score = 0});
    expect(with_payload(TxType::kProviderRegister, provider),
           "provider_register: sample.score is 0; it must be from 1 to 1000000000000");

    pb::TaskReveal reveal;
    reveal.set_task_id(std::string(32, 't'));
    reveal.set_salt(std::string(32, 's'));
    reveal.set_diverged(true);
    reveal.mutable_output();
    expect(with_payload(TxType::kTaskReveal, reveal),
           "task_reveal: output and trace must be absent from a result that diverged");
    reveal.set_diverged(false);
    reveal.mutable_output()->set_root("r");
    expect(with_payload(TxType::kTaskReveal, reveal),
           "task_reveal: output.root has 1 bytes; it must have 32");
    pb::JobTopUp top_up;
    top_up.set_job_id(std::string(31, 'j'));
    top_up.set_amount(1);
    expect(with_payload(TxType::kJobTopUp, top_up),
           "job_top_up: job_id has 31 bytes; it must have 32");
}

TEST_F(Rejections, Admission) {
    Env env;
    Tx tx = pay(alice, bob, 5);
    tx.fee = 0;
    env(tx, TxCode::kFeeTooLow);
    tx.fee = kFee - 1;
    env(tx, TxCode::kFeeTooLow);
    tx.fee = kFee;
    tx.nonce = 1;
    env(tx, TxCode::kNonceGap);
    tx.nonce = 0;
    env(tx);
    env(tx, TxCode::kNonceUsed);
    env(pay(named("nobody"), bob, 5), TxCode::kCannotPayFee);
    env(Tx{alice, static_cast<TxType>(99), "", kFee, {}}, TxCode::kUnknownType);
    env(Tx{alice, TxType::kTransfer, "\x08", kFee, {}}, TxCode::kMalformedPayload);
    env(Tx{alice, TxType::kTransfer, std::string(contracts::kMaxPayloadBytes + 1, 'x'), kFee, {}},
        TxCode::kTooLarge);
    // An unknown field: it parses, but is not the canonical encoding.
    env(Tx{alice, TxType::kTransfer, pay(alice, bob, 5).payload + "\x48\x01", kFee, {}},
        TxCode::kMalformedPayload);
}

TEST_F(Rejections, MalformedPayloads) {
    Env env;
    const Hash256 task = train_task(job_of(alice, 0));
    const auto malformed = [&](const Tx& tx) { env(tx, TxCode::kMalformedPayload); };
    malformed(pay(alice, bob, 0));
    malformed(pay(alice, bob, contracts::kMaxAmount + 1));
    malformed(bond(alice, 0));
    malformed(unbond(alice, 0));
    malformed(register_provider(alice, {.price_floor = 0}));
    malformed(register_provider(alice, {.capacity = 0}));
    malformed(register_provider(alice, {.capacity = contracts::kMaxCapacity + 1}));
    malformed(register_provider(alice, {.score = 0}));
    malformed(register_provider(alice, {.memory_mb = 0}));
    malformed(update_provider(alice, true, contracts::kMaxCapacity + 1));
    malformed(post_job(alice, tiny_job(), 0));
    malformed(post_job(alice, tiny_job(0), 5'000));
    malformed(top_up(alice, job_of(alice, 0), 0));
    malformed({alice, TxType::kJobCancel, "\x0a\x01x", kFee, {}});
    malformed({alice, TxType::kTaskAccept, "", kFee, {}});
    malformed({alice, TxType::kTaskDecline, "", kFee, {}});
    malformed({alice, TxType::kTaskCommit, accept(alice, task).payload, kFee, {}});
    malformed({alice, TxType::kTaskCrank, "", kFee, {}});
    TaskResult result = result_named("a");
    result.fault_step = 3;  // only a diverged result has one
    malformed(reveal(alice, task, result));
    result = result_named("a");
    result.output.set_size(0);
    malformed(reveal(alice, task, result));
    env.require(balance(alice, kGenesisBalance));  // none was charged
}

TEST_F(Rejections, Bank) {
    Env env;
    refuse(env, pay(alice, alice, 5), TxCode::kInvalidAmount);
    refuse(env, pay(alice, bob, kGenesisBalance), TxCode::kInsufficientFunds);
    env.require(balance(alice, kGenesisBalance - 2 * kFee));  // fees are charged all the same
    expect_complete(TxType::kTransfer);
}

TEST_F(Rejections, Stake) {
    pb::Params params = Env::test_params();
    params.set_tombstone_after(1);
    Env env(params);
    refuse(env, bond(alice, kMinStake - 1), TxCode::kStakeTooSmall);
    refuse(env, bond(alice, kGenesisBalance + 1), TxCode::kInsufficientFunds);
    refuse(env, unbond(alice, 5), TxCode::kNotFound);
    refuse(env, unjail(alice), TxCode::kNotFound);
    env(bond(alice, 10 * kMinStake));
    refuse(env, unjail(alice), TxCode::kWrongState);
    refuse(env, unbond(alice, 11 * kMinStake), TxCode::kInsufficientFunds);
    refuse(env, unbond(alice, 9 * kMinStake + 1), TxCode::kStakeTooSmall);
    for (int i = 0; i < contracts::kMaxUnbondings; ++i) env(unbond(alice, 1));
    refuse(env, unbond(alice, 1), TxCode::kLimitExceeded);

    add_providers(env, 5);
    const Hash256 task = train_task(post(env));
    assign(env);
    const auto offered = in_state(env, task, pb::SLOT_OFFERED);
    refuse(env, unbond(offered[0], 10 * kMinStake), TxCode::kStakeLocked);
    vote(env, task, each_says({"a", "a", "b"}));
    refuse(env, unjail(offered[2]), TxCode::kNotAllowed);  // too early
    env.wait(5'000);                                       // final: tombstoned at the first
    refuse(env, bond(offered[2], kMinStake), TxCode::kNotAllowed);
    expect_complete(TxType::kStakeBond);
    expect_complete(TxType::kStakeUnbond);
    env(unjail(offered[2]), TxCode::kNotAllowed);  // never again
}

TEST_F(Rejections, UnjailNeedsTheMinimumStake) {
    Env env;
    refuse(env, unjail(alice), TxCode::kNotFound);
    env(bond(alice, 2 * kMinStake));
    refuse(env, unjail(alice), TxCode::kWrongState);
    add_providers(env, 5);
    const Hash256 task = train_task(post(env));
    assign(env);
    vote(env, task, each_says({"a", "a", "b"}));
    const Address cheat = in_state(env, task, pb::SLOT_DISSENT).at(0);
    refuse(env, unjail(cheat), TxCode::kNotAllowed);
    env.wait(5'000);
    env(unbond(cheat, 10 * kMinStake - kSlotStake));
    refuse(env, unjail(cheat), TxCode::kStakeTooSmall);
    env(bond(cheat, kMinStake));
    env(unjail(cheat));
    expect_complete(TxType::kStakeUnjail);
}

TEST_F(Rejections, Providers) {
    Env env;
    refuse(env, register_provider(alice), TxCode::kStakeTooSmall);
    refuse(env, update_provider(alice, true), TxCode::kNotFound);
    env(bond(alice, kMinStake));
    env(register_provider(alice));
    refuse(env, register_provider(alice), TxCode::kAlreadyExists);
    expect_complete(TxType::kProviderRegister);
    expect_complete(TxType::kProviderUpdate);
}

TEST_F(Rejections, Jobs) {
    Env env;
    refuse(env, post_job(alice, tiny_job(), 4'999), TxCode::kEscrowTooSmall);
    refuse(env, post_job(alice, tiny_job(), kGenesisBalance + 1), TxCode::kInsufficientFunds);
    pb::JobSpec dear = tiny_job(1'000, 8);
    dear.mutable_terms()->set_price_ceiling(contracts::kMaxPrice);
    dear.mutable_plan()->set_local_steps(1'000'000);
    dear.mutable_model()->mutable_mlp()->set_hidden(0, 1'000'000 / 40);
    refuse(env, post_job(alice, dear, 5'000), TxCode::kInfeasible);
    expect_complete(TxType::kJobPost);

    refuse(env, cancel_job(alice, job_of(alice, 0)), TxCode::kNotFound);
    refuse(env, top_up(alice, job_of(alice, 0), 5), TxCode::kNotFound);
    const Hash256 job = post(env);
    refuse(env, cancel_job(bob, job), TxCode::kNotAllowed);
    refuse(env, top_up(bob, job, 5), TxCode::kNotAllowed);
    refuse(env, top_up(alice, job, kGenesisBalance), TxCode::kInsufficientFunds);
    env(top_up(alice, job, 5));
    EXPECT_EQ(env.job(job).escrow(), 5'005U);
    env(cancel_job(alice, job));
    refuse(env, top_up(alice, job, 5), TxCode::kWrongState);
    refuse(env, cancel_job(alice, job), TxCode::kWrongState);
    expect_complete(TxType::kJobCancel);
    expect_complete(TxType::kJobTopUp);
}

TEST_F(Rejections, CancelAfterACommit) {
    Env env;
    add_providers(env, 3);
    const Hash256 job = post(env);
    assign(env);
    const Address op = in_state(env, train_task(job), pb::SLOT_OFFERED).at(0);
    env(accept(op, train_task(job)));
    env(commit(op, train_task(job), result_named("a")));
    env(cancel_job(alice, job), TxCode::kWrongState);
}

TEST_F(Rejections, Tasks) {
    Env env;
    add_providers(env, 5);
    const Hash256 task = train_task(post(env));
    const TaskResult result = result_named("a");
    for (const auto& make : {accept, decline, crank})
        refuse(env, make(alice, aggregate_task(task)), TxCode::kNotFound);
    refuse(env, commit(alice, aggregate_task(task), result), TxCode::kNotFound);
    refuse(env, reveal(alice, aggregate_task(task), result), TxCode::kNotFound);
    assign(env);
    const auto ops = in_state(env, task, pb::SLOT_OFFERED);
    refuse(env, accept(alice, task), TxCode::kNotAllowed);
    refuse(env, decline(alice, task), TxCode::kNotAllowed);
    refuse(env, commit(alice, task, result), TxCode::kNotAllowed);
    refuse(env, reveal(alice, task, result), TxCode::kNotAllowed);
    refuse(env, crank(alice, task), TxCode::kWrongState);
    refuse(env, commit(ops[0], task, result), TxCode::kWrongState);
    env(accept(ops[0], task));
    refuse(env, accept(ops[0], task), TxCode::kWrongState);
    refuse(env, decline(ops[0], task), TxCode::kWrongState);
    refuse(env, reveal(ops[0], task, result), TxCode::kWrongState);
    env(commit(ops[0], task, result));
    env(reveal(ops[0], task, result), TxCode::kWrongState);  // others still work
    env(accept(ops[1], task));
    const Hash256 copied =
        contracts::commitment(kChain, task.view(), ops[0], result, salt_of(ops[0], task));
    refuse(env, commit_raw(ops[1], task, copied), TxCode::kCommitmentCopied);
    env.pass(10'000);
    refuse(env, accept(ops[2], task), TxCode::kDeadlinePassed);
    refuse(env, decline(ops[2], task), TxCode::kDeadlinePassed);
    env(commit(ops[1], task, result_named("b")));
    env(crank(bob, task));  // fires the missed accept before the block ends
    env.require(slot_state(task, ops[2], pb::SLOT_NOT_ACCEPTED));
    assign(env);
    accept_offers(env, task);
    const Address last = in_state(env, task, pb::SLOT_ACCEPTED).at(0);
    env(commit(last, task, result));
    env.require(task_state(task, pb::TASK_COMMITTED));
    refuse(env, reveal(ops[1], task, result), TxCode::kCommitmentMismatch);
    env.pass(30'000);
    refuse(env, reveal(ops[1], task, result_named("b")), TxCode::kDeadlinePassed);
    expect_complete(TxType::kTaskAccept);
    expect_complete(TxType::kTaskDecline);
    expect_complete(TxType::kTaskReveal);
    expect_complete(TxType::kTaskCrank);
}

TEST_F(Rejections, LateCommit) {
    Env env;
    add_providers(env, 3);
    const Hash256 task = train_task(post(env));
    assign(env);
    accept_offers(env, task);
    env.pass(61'000);
    env(commit(in_state(env, task, pb::SLOT_ACCEPTED).at(0), task, result_named("a")),
        TxCode::kDeadlinePassed);
}

// A commitment seen elsewhere binds its author: another operator cannot reveal it.
TEST_F(Rejections, CommitmentOfAnotherCannotBeRevealed) {
    Env env;
    add_providers(env, 3);
    const Hash256 task = train_task(post(env));
    assign(env);
    accept_offers(env, task);
    const auto ops = in_state(env, task, pb::SLOT_ACCEPTED);
    const TaskResult result = result_named("a");
    const Hash256 of_other =
        contracts::commitment(kChain, task.view(), ops[1], result, salt_of(ops[0], task));
    env(commit_raw(ops[0], task, of_other));
    env(commit(ops[1], task, result));
    env(commit(ops[2], task, result));
    env(reveal(ops[0], task, result), TxCode::kCommitmentMismatch);
}

}  // namespace
}  // namespace assay::test
