// What wrong, withheld and missing results cost, and who gains from it.
#include <gtest/gtest.h>

#include "tests/contracts/scenario.h"

namespace assay::test {
namespace {

const Address alice = named("alice");

pb::JobSpec closed_job() {
    pb::JobSpec spec = tiny_job();
    for (const char* name : {"p1", "p2", "p3"})
        spec.mutable_terms()->add_allowed_operators(std::string(text_of(named(name).view())));
    return spec;
}

uint64_t agreements(const Env& env, const Address& op) {
    return contracts::get_reputation(env.view(), op, env.now()).agreements_milli();
}

uint64_t balance_of(const Env& env, const Address& owner) {
    return contracts::get_account(env.view(), owner).balance();
}

// A task whose slots have all committed `texts`; the first `shown` of them revealed.
struct Voted {
    Voted(int count, std::vector<std::string> texts, size_t shown,
          const pb::JobSpec& spec = tiny_job()) {
        add_providers(env, count);
        task = train_task(post(env, spec));
        assign(env);
        accept_offers(env, task);
        ops = in_state(env, task, pb::SLOT_ACCEPTED);
        commit_accepted(env, task, each_says(texts));
        for (size_t i = 0; i < shown; ++i) env(reveal(ops[i], task, result_named(texts[i])));
    }
    Env env;
    Hash256 task;
    std::vector<Address> ops;
};

TEST(Penalties, TwoSybilsOnAClosedJobGainNothingFromTheThirdOperator) {
    Env env;
    add_providers(env, 4);
    for (int round = 0; round < 4; ++round) {
        const uint64_t alice_before = balance_of(env, alice);
        const Hash256 task = train_task(post(env, closed_job()));
        assign(env);
        accept_offers(env, task);
        for (const char* name : {"p1", "p2", "p3"}) {
            const std::string text = name == std::string("p3") ? "honest" : "colluding";
            env(commit(named(name), task, result_named(text)));
        }
        for (const char* name : {"p1", "p2", "p3"}) {
            const std::string text = name == std::string("p3") ? "honest" : "colluding";
            env(reveal(named(name), task, result_named(text)));
        }
        env.require(slot_state(task, named("p3"), pb::SLOT_DISSENT));
        const uint64_t supply = contracts::get_totals(env.view()).supply();
        env.wait(4'000);
        env.require(task_state(task, pb::TASK_FINAL));
        // The requester is out of pocket by what it paid; the fine left the world.
        env.require(balance(alice, alice_before - kFee - 2 * kReward));
        EXPECT_EQ(contracts::get_totals(env.view()).supply(), supply - kReward);
        const auto lost = static_cast<uint64_t>(round + 1) * kReward;
        env.require(bonded(named("p3"), 10 * kMinStake - lost));
    }
    EXPECT_EQ(env.stake(named("p3")).jailed_until_ms(), 0U);
    EXPECT_FALSE(env.stake(named("p3")).tombstoned());
    EXPECT_EQ(env.count_events("provider.jailed"), 0U);
    EXPECT_EQ(agreements(env, named("p1")), 0U);  // nor do the sybils gain reputation
}

TEST(Penalties, SilenceOnAClosedJobPaysTheRequesterNothing) {
    Env env;
    add_providers(env, 3);
    const Hash256 task = train_task(post(env, closed_job()));
    assign(env);
    accept_offers(env, task);
    const uint64_t before = balance_of(env, alice);
    for (const char* name : {"p1", "p2"}) env(commit(named(name), task, result_named("a")));
    env.wait(61'000);
    env.require(slot_state(task, named("p3"), pb::SLOT_NO_COMMIT));
    env.require(bonded(named("p3"), 10 * kMinStake - kReward / 10));
    env.require(balance(alice, before));
}

TEST(Penalties, WithholdingAgainstAMajorityCostsWhatDissentCosts) {
    Voted v(3, {"a", "a", "other"}, 2);
    v.env.wait(30'000);
    v.env.require(task_state(v.task, pb::TASK_TALLIED));
    v.env.require(slot_state(v.task, v.ops[2], pb::SLOT_NO_REVEAL));
    v.env.require(locked(v.ops[2], kSlotStake));  // until the task is final
    EXPECT_TRUE(v.env.provider(v.ops[2]).suspended());
    EXPECT_GT(v.env.stake(v.ops[2]).jailed_until_ms(), v.env.now());
    v.env.wait(4'000);
    v.env.require(task_state(v.task, pb::TASK_FINAL));
    v.env.require(bonded(v.ops[2], 10 * kMinStake - kSlotStake));
    v.env.require(locked(v.ops[2], 0));
    EXPECT_EQ(v.env.stake(v.ops[2]).wrong_results(), 1U);
    EXPECT_EQ(v.env.broken_state(), std::nullopt);
}

TEST(Penalties, WithholdingIsJudgedByTheMajorityThatEscalationFinds) {
    Voted v(5, {"a", "b", "other"}, 2);
    v.env.wait(30'000);
    v.env.require(task_state(v.task, pb::TASK_ESCALATED));
    v.env.require(bonded(v.ops[2], 10 * kMinStake));
    v.env.close();
    vote(v.env, v.task, all_say("a"));  // 2 of 4
    assign(v.env);
    vote(v.env, v.task, all_say("a"));  // 3 of 5
    v.env.require(task_state(v.task, pb::TASK_TALLIED));
    v.env.wait(4'000);
    for (const size_t loser : {1U, 2U})
        v.env.require(bonded(v.ops[loser], 10 * kMinStake - kSlotStake));
    EXPECT_EQ(v.env.broken_state(), std::nullopt);
}

TEST(Penalties, WithholdingWithoutAMajorityPaysOneReward) {
    Voted undecided(5, {"a", "b", "other"}, 2);
    undecided.env.wait(30'000);
    undecided.env.close();
    vote(undecided.env, undecided.task, all_say("c"));
    assign(undecided.env);
    vote(undecided.env, undecided.task, all_say("d"));
    undecided.env.require(task_state(undecided.task, pb::TASK_UNDECIDED));
    undecided.env.require(bonded(undecided.ops[2], 10 * kMinStake - kReward));
    undecided.env.require(bonded(undecided.ops[1], 10 * kMinStake));

    Voted nobody(3, {"a", "b", "c"}, 0);
    nobody.env.wait(30'000);
    nobody.env.require(task_state(nobody.task, pb::TASK_ASSIGNED));
    for (const Address& op : nobody.ops) nobody.env.require(bonded(op, 10 * kMinStake - kReward));
    EXPECT_EQ(nobody.env.count_events("provider.jailed"), 0U);
}

TEST(Penalties, WithholdingOnAClosedJobCostsOneBurntReward) {
    Voted v(3, {"a", "a", "other"}, 2, closed_job());
    v.env.wait(30'000);
    const uint64_t supply = contracts::get_totals(v.env.view()).supply();
    v.env.wait(4'000);
    v.env.require(task_state(v.task, pb::TASK_FINAL));
    v.env.require(bonded(v.ops[2], 10 * kMinStake - kReward));
    EXPECT_EQ(contracts::get_totals(v.env.view()).supply(), supply - kReward);
    EXPECT_EQ(v.env.count_events("provider.jailed"), 0U);
}

// A job that another task ends pays for bound results, whatever score the provider declared.
TEST(Penalties, CancelledSlotsArePaidForCommitsAlone) {
    Env env;
    add_providers(env, 6, {.score = 1'000'000'000});  // T_ref rounds to 1 ms
    const Hash256 job = post(env, tiny_job(1, 2));
    assign(env);
    const Hash256 first = train_task(job, 0, 0), second = train_task(job, 0, 1);
    vote(env, first, [](size_t) { return diverged_at(0); });
    accept_offers(env, second);
    const auto ops = in_state(env, second, pb::SLOT_ACCEPTED);
    env(commit(ops[0], second, result_named("a")));
    env.wait(4'000);  // the first task is final: the job has diverged
    env.require(task_state(second, pb::TASK_CANCELLED));
    const pb::Task cancelled = env.task(second);
    for (const pb::Slot& slot : cancelled.slots())
        EXPECT_EQ(slot.paid(), *Address::from(slot.operator_()) == ops[0] ? kReward : 0U);
    EXPECT_EQ(env.job(job).spent(), 4 * kReward);
}

}  // namespace
}  // namespace assay::test
