// Whole jobs: rounds, aggregation, money, penalties, reputation.
#include <gtest/gtest.h>

#include "contracts/limits.h"
#include "tests/contracts/scenario.h"

namespace assay::test {
namespace {

const Address alice = named("alice");

void finish(Env& env, const Hash256& task, const std::string& text) {
    vote(env, task, all_say(text));
    env.require(task_state(task, pb::TASK_TALLIED));
}

TEST(JobFlow, PlainTrainingChainsCheckpointsWithoutAggregation) {
    Env env;
    add_providers(env, 4);
    const Hash256 job = post(env, tiny_job(3, 1));
    for (uint32_t round = 0; round < 3; ++round) {
        assign(env);
        const pb::Task task = env.task(train_task(job, round));
        ASSERT_EQ(task.inputs_size(), 1);
        EXPECT_EQ(task.inputs(0).root(), env.job(job).checkpoints(static_cast<int>(round)).root());
        finish(env, train_task(job, round), "round " + std::to_string(round));
    }
    env.wait(4'000);
    env.require(job_state(job, pb::JOB_DONE));
    const pb::Job done = env.job(job);
    EXPECT_EQ(done.checkpoints_size(), 4);
    EXPECT_EQ(done.checkpoints(3).root(), result_named("round 2").output.root());
    EXPECT_EQ(done.tasks_final(), 3U);
    EXPECT_EQ(done.tasks_total(), 3U);
    EXPECT_EQ(done.spent(), 9 * kReward);
    EXPECT_EQ(done.escrow(), 0U);
    env.require(balance(alice, kGenesisBalance - kFee - 9 * kReward));
    EXPECT_EQ(env.count_events("job.done"), 1U);
    EXPECT_EQ(env.broken_state(), std::nullopt);
}

TEST(JobFlow, ShardsAreAggregatedIntoTheNextCheckpoint) {
    Env env;
    add_providers(env, 6);
    const Hash256 job = post(env, tiny_job(2, 2));
    EXPECT_EQ(env.job(job).escrow(), 6U * 5 * 1'000);
    for (uint32_t round = 0; round < 2; ++round) {
        assign(env);
        finish(env, train_task(job, round, 1), "shard 1");  // out of order
        EXPECT_FALSE(contracts::get_task(env.view(), aggregate_task(job, round).view()));
        finish(env, train_task(job, round, 0), "shard 0");
        assign(env);
        const pb::Task sum = env.task(aggregate_task(job, round));
        ASSERT_EQ(sum.inputs_size(), 3);
        EXPECT_EQ(sum.inputs(1).root(), result_named("shard 0").output.root());
        EXPECT_EQ(sum.inputs(2).root(), result_named("shard 1").output.root());
        finish(env, aggregate_task(job, round), "sum " + std::to_string(round));
    }
    env.wait(4'000);
    env.require(job_state(job, pb::JOB_DONE));
    EXPECT_EQ(env.job(job).checkpoints(2).root(), result_named("sum 1").output.root());
    EXPECT_EQ(contracts::list_tasks(env.view(), job.view(), 100, {}).items.size(), 6U);
}

TEST(JobFlow, OuterStepMakesOneShardAggregate) {
    Env env;
    add_providers(env, 3);
    pb::JobSpec spec = tiny_job();
    spec.mutable_plan()->set_outer_lr_nano(700'000'000);
    const Hash256 job = post(env, spec);
    assign(env);
    finish(env, train_task(job), "a");
    EXPECT_EQ(env.job(job).checkpoints_size(), 1);
    assign(env);
    finish(env, aggregate_task(job), "sum");
    EXPECT_EQ(env.job(job).checkpoints_size(), 2);
}

TEST(JobFlow, InitialCheckpointIsTheFirstInput) {
    Env env;
    pb::JobSpec spec = tiny_job();
    *spec.mutable_initial() = result_named("start").output;
    const Hash256 job = post(env, spec);
    EXPECT_EQ(env.task(train_task(job)).inputs(0).root(), spec.initial().root());
}

TEST(JobFlow, AdaptersStartFromTheSeedOnTheInitialModel) {
    Env env;
    pb::JobSpec spec = tiny_job();
    *spec.mutable_initial() = result_named("base").output;
    compute::JobConfig config = *contracts::to_job_config(spec);
    config.model = compute::LoraConfig{compute::GptConfig{8, 4, 4, 1, 1}, 2};
    contracts::from_job_config(config, spec);
    const Hash256 job = post(env, spec);
    EXPECT_TRUE(env.task(train_task(job)).inputs(0).root().empty());
    EXPECT_EQ(env.job(job).spec().initial().root(), spec.initial().root());
}

TEST(JobFlow, DivergenceIsAResultAndEndsTheJobPaid) {
    Env env;
    add_providers(env, 3);
    const Hash256 job = post(env, tiny_job(2));
    assign(env);
    vote(env, train_task(job), [](size_t) { return diverged_at(7); });
    env.require(task_state(train_task(job), pb::TASK_TALLIED));
    env.wait(4'000);
    env.require(job_state(job, pb::JOB_FAILED));
    EXPECT_EQ(env.job(job).reason(), "diverged in round 0 at step 7");
    EXPECT_EQ(env.job(job).spent(), 3 * kReward);
    env.require(balance(alice, kGenesisBalance - kFee - 3 * kReward));
}

TEST(JobFlow, WrongResultIsJailedAtTheTallyAndSlashedWhenFinal) {
    Env env;
    add_providers(env, 5);
    const Hash256 job = post(env);
    const Hash256 task = train_task(job);
    assign(env);
    vote(env, task, each_says({"a", "b", "a"}));
    const Address cheat = in_state(env, task, pb::SLOT_DISSENT).at(0);
    EXPECT_GT(env.stake(cheat).jailed_until_ms(), env.now());
    env.require(bonded(cheat, 10 * kMinStake));
    const uint64_t supply = contracts::get_totals(env.view()).supply();
    env.wait(4'000);
    env.require(bonded(cheat, 10 * kMinStake - kSlotStake));
    env.require(locked(cheat, 0));
    // Half is burnt, half goes to the requester, nothing to the voters.
    EXPECT_EQ(contracts::get_totals(env.view()).supply(), supply - kSlotStake / 2);
    env.require(balance(alice, kGenesisBalance - kFee - 2 * kReward + kSlotStake / 2));
    for (const Address& op : in_state(env, task, pb::SLOT_AGREED)) {
        env.require(balance(op, kGenesisBalance - 10 * kMinStake - 2 * kFee + kReward -
                                    3 * kFee));  // bond, register; accept, commit, reveal
        EXPECT_EQ(contracts::get_reputation(env.view(), op, env.now()).agreements_milli(), 1'000U);
    }
    EXPECT_EQ(env.stake(cheat).wrong_results(), 1U);
    env.wait(1'000);
    env(unjail(cheat));
}

TEST(JobFlow, JailedOperatorGetsNoSlotAndRepeatedCheatIsTombstoned) {
    Env env;
    add_providers(env, 3);  // all three are needed each time
    for (int i = 0; i < 3; ++i) {
        const Hash256 task = train_task(post(env));
        assign(env);
        const auto offered = in_state(env, task, pb::SLOT_OFFERED);
        accept_offers(env, task);
        for (const Address& op : offered)
            env(commit(op, task, result_named(op == named("p1") ? "bad" : "good")));
        for (const Address& op : offered)
            env(reveal(op, task, result_named(op == named("p1") ? "bad" : "good")));
        const Hash256 next = train_task(post(env));
        assign(env);
        env.require(task_state(next, pb::TASK_POSTED));  // two eligible providers are not three
        env(cancel_job(alice,
                       job_of(alice, contracts::get_account(env.view(), alice).nonce() - 1)));
        env.wait(5'000);
        if (i < 2) env(unjail(named("p1")));
    }
    EXPECT_TRUE(env.stake(named("p1")).tombstoned());
    EXPECT_EQ(env.count_events("provider.tombstoned"), 1U);
}

TEST(JobFlow, MajorityOfTwoWithoutTheSilentThird) {
    Env env;
    add_providers(env, 3);
    const Hash256 task = train_task(post(env));
    assign(env);
    accept_offers(env, task);
    const auto ops = in_state(env, task, pb::SLOT_ACCEPTED);
    env(commit(ops[0], task, result_named("a")));
    env(commit(ops[1], task, result_named("a")));
    env.require(task_state(task, pb::TASK_ASSIGNED));
    env.wait(61'000);
    env.require(task_state(task, pb::TASK_COMMITTED));
    env.require(slot_state(task, ops[2], pb::SLOT_NO_COMMIT));
    env.require(bonded(ops[2], 10 * kMinStake - kReward / 10));  // 0.1 r
    EXPECT_TRUE(env.provider(ops[2]).suspended());
    reveal_committed(env, task, all_say("a"));
    env.require(task_state(task, pb::TASK_TALLIED));
    env(update_provider(ops[2], true));
    EXPECT_FALSE(env.provider(ops[2]).suspended());
}

TEST(JobFlow, DeclinedAndUnansweredSlotsGoToTheNextInRank) {
    Env env;
    add_providers(env, 5);
    const Hash256 task = train_task(post(env));
    assign(env);
    const auto ops = in_state(env, task, pb::SLOT_OFFERED);
    env(decline(ops[0], task));
    env(accept(ops[1], task));
    env.require(task_state(task, pb::TASK_ASSIGNED));
    EXPECT_EQ(env.task(task).vacancies(), 1U);
    env.close(10'000);
    env.close();  // ops[2] did not answer: the second substitute
    env.require(slot_state(task, ops[2], pb::SLOT_NOT_ACCEPTED));
    env.close();
    EXPECT_EQ(env.task(task).slots_size(), 5);
    EXPECT_EQ(env.task(task).vacancies(), 0U);
    EXPECT_EQ(contracts::get_reputation(env.view(), ops[0], env.now()).declines(), 1U);
    EXPECT_FALSE(env.provider(ops[2]).suspended());  // the first miss is free
}

TEST(JobFlow, VacancyThatNobodyFillsDoesNotBlockAMajority) {
    Env env;
    add_providers(env, 3);
    const Hash256 task = train_task(post(env));
    assign(env);
    const auto ops = in_state(env, task, pb::SLOT_OFFERED);
    env(decline(ops[0], task));
    accept_offers(env, task);
    commit_accepted(env, task, all_say("a"));
    env.require(task_state(task, pb::TASK_ASSIGNED));
    env.wait(10'000);
    env.require(task_state(task, pb::TASK_COMMITTED));
    reveal_committed(env, task, all_say("a"));
    env.require(task_state(task, pb::TASK_TALLIED));
}

TEST(JobFlow, CheatAndSilentTogetherLoseToThreeHonest) {
    Env env;
    add_providers(env, 5);
    const Hash256 task = train_task(post(env));
    assign(env);
    accept_offers(env, task);
    const auto ops = in_state(env, task, pb::SLOT_ACCEPTED);
    env(commit(ops[0], task, result_named("good")));
    env(commit(ops[1], task, result_named("bad")));
    env.wait(61'000);
    reveal_committed(env, task, each_says({"good", "bad"}));
    env.require(task_state(task, pb::TASK_ESCALATED));
    assign(env);
    vote(env, task, all_say("good"));  // 2 of 4
    env.require(task_state(task, pb::TASK_ESCALATED));
    assign(env);
    vote(env, task, all_say("good"));  // 3 of 5
    env.require(task_state(task, pb::TASK_TALLIED));
    env.require(slot_state(task, ops[1], pb::SLOT_DISSENT));
}

TEST(JobFlow, WrongSizeOrTraceIsAnotherVote) {
    Env env;
    add_providers(env, 3);
    const Hash256 task = train_task(post(env));
    assign(env);
    vote(env, task, [](size_t index) {
        TaskResult result = result_named("a");
        if (index == 1) result.output.set_size(1'025);
        if (index == 2) result.trace = result_named("b").trace;
        return result;
    });
    env.require(task_state(task, pb::TASK_ESCALATED));
}

TEST(JobFlow, OneClearingPriceForTheFirstReplicas) {
    Env env;
    for (int i = 1; i <= 3; ++i) {
        const Address op = named("p" + std::to_string(i));
        env(bond(op, 10 * kMinStake));
        env(register_provider(op, {.price_floor = static_cast<uint64_t>(100 * i)}));
    }
    env.close();
    const Hash256 task = train_task(post(env));
    assign(env);
    const pb::Task found = env.task(task);
    ASSERT_EQ(found.slots_size(), 3);
    for (const pb::Slot& slot : found.slots()) EXPECT_EQ(slot.price(), 300U);
}

TEST(JobFlow, UnbondingIsPaidAfterItsDelay) {
    Env env;
    env(bond(alice, 10 * kMinStake));
    env(unbond(alice, kMinStake));
    env(unbond(alice, 2 * kMinStake));
    env.close(9'999);
    env.close(1);
    env.require(balance(alice, kGenesisBalance - 10 * kMinStake - 3 * kFee));
    env.close();
    env.require(balance(alice, kGenesisBalance - 7 * kMinStake - 3 * kFee));
    EXPECT_EQ(contracts::get_totals(env.view()).unbonding(), 0U);
}

TEST(JobFlow, ReputationHalvesEveryThirtyDays) {
    Env env;
    add_providers(env, 3);
    const Hash256 task = train_task(post(env));
    assign(env);
    vote(env, task, all_say("a"));
    env.wait(4'000);
    const uint64_t day = 24ULL * 3600 * 1000;
    const Address op = named("p1");
    const uint64_t start = contracts::get_reputation(env.view(), op, env.now()).updated_ms();
    const auto at = [&](uint64_t ms) {
        return contracts::get_reputation(env.view(), op, start + ms).agreements_milli();
    };
    EXPECT_EQ(at(30 * day - 1), 1'000U);
    EXPECT_EQ(at(30 * day), 500U);
    EXPECT_EQ(at(60 * day), 250U);
    EXPECT_EQ(at(3'000 * day), 0U);
}

TEST(JobFlow, AccessListAndPriorityAreKept) {
    Env env;
    add_providers(env, 6, {.capacity = 1});
    pb::JobSpec listed = tiny_job();
    for (const char* name : {"p2", "p4", "p6"})
        listed.mutable_terms()->add_allowed_operators(std::string(text_of(named(name).view())));
    listed.mutable_terms()->set_priority(9);
    const Hash256 first = train_task(post(env));
    const Hash256 urgent = train_task(post(env, listed));
    assign(env);
    EXPECT_EQ(in_state(env, urgent, pb::SLOT_OFFERED).size(), 3U);
    for (const char* name : {"p2", "p4", "p6"})
        env.require(slot_state(urgent, named(name), pb::SLOT_OFFERED));
    for (const char* name : {"p1", "p3", "p5"})  // what was left
        env.require(slot_state(first, named(name), pb::SLOT_OFFERED));
}

TEST(JobFlow, ExplainAgreesWithTheAssignment) {
    Env env;
    add_providers(env, 5);
    env(update_provider(named("p3"), false));
    const Hash256 task = train_task(post(env));
    env.close();
    const auto explained =
        contracts::explain_task(env.view(), task.view(), env.beacon(), env.now()).value();
    env.close();
    size_t eligible = 0;
    for (const auto& e : explained) {
        if (e.candidate.reason == market::Reason::kEligible) {
            ++eligible;
            env.require(slot_state(task, e.op, pb::SLOT_OFFERED));
        } else if (e.op == named("p3")) {
            EXPECT_EQ(e.candidate.reason, market::Reason::kInactive);
        } else {
            EXPECT_EQ(e.candidate.reason, market::Reason::kOutranked);
        }
    }
    EXPECT_EQ(eligible, 3U);
    EXPECT_EQ(contracts::live_tasks_of(env.view(), explained[0].op).size(), 1U);
}

}  // namespace
}  // namespace assay::test
