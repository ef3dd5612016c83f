// One scenario per edge of kTaskEdges; the last test proves that none is left out.
#include <gtest/gtest.h>

#include <map>

#include "contracts/task_states.h"
#include "tests/contracts/scenario.h"

namespace assay::test {
namespace {

// Providers, a posted job and its first task.
struct World {
    explicit World(int count = 5) : providers(add_providers(env, count)) {
        job = post(env);
        task = train_task(job);
    }
    Env env;
    std::vector<Address> providers;
    Hash256 job, task;
};

void post_opens_a_task() {
    World w;
    w.env.require(task_state(w.task, pb::TASK_POSTED));
    EXPECT_EQ(w.env.task(w.task).vacancies(), 3U);
    w.env.require(balance(named("alice"), kGenesisBalance - kFee - 5'000));
    EXPECT_EQ(w.env.job(w.job).escrow(), 5'000U);
}

void later_beacon_assigns() {
    World w;
    w.env.close();  // the posting block's own beacon was known to the poster
    w.env.require(task_state(w.task, pb::TASK_POSTED));
    w.env.close();
    w.env.require(task_state(w.task, pb::TASK_ASSIGNED));
    const auto offered = in_state(w.env, w.task, pb::SLOT_OFFERED);
    ASSERT_EQ(offered.size(), 3U);
    for (const Address& op : offered) w.env.require(locked(op, kSlotStake));
}

void all_declined_posts_again() {
    World w(3);
    assign(w.env);
    for (const Address& op : in_state(w.env, w.task, pb::SLOT_OFFERED)) w.env(decline(op, w.task));
    w.env.require(task_state(w.task, pb::TASK_POSTED));
    EXPECT_EQ(w.env.task(w.task).vacancies(), 3U);
    for (const Address& op : w.providers) w.env.require(locked(op, 0));
}

void all_commits_freeze_the_set() {
    World w;
    assign(w.env);
    accept_offers(w.env, w.task);
    commit_accepted(w.env, w.task, all_say("a"));
    w.env.require(task_state(w.task, pb::TASK_COMMITTED));
}

void all_reveals_tally() {  // COMMITTED -> REVEALED -> TALLIED, in one transaction
    World w;
    assign(w.env);
    vote(w.env, w.task, all_say("a"));
    w.env.require(task_state(w.task, pb::TASK_TALLIED));
    EXPECT_EQ(in_state(w.env, w.task, pb::SLOT_AGREED).size(), 3U);
    EXPECT_EQ(w.env.task(w.task).output().root(), result_named("a").output.root());
}

void no_reveal_at_all_seeks_fresh_operators() {
    World w(6);
    assign(w.env);
    accept_offers(w.env, w.task);
    commit_accepted(w.env, w.task, all_say("a"));
    w.env.wait(30'000);
    w.env.require(task_state(w.task, pb::TASK_ASSIGNED));
    EXPECT_EQ(in_state(w.env, w.task, pb::SLOT_NO_REVEAL).size(), 3U);
    w.env.close();
    EXPECT_EQ(in_state(w.env, w.task, pb::SLOT_OFFERED).size(), 3U);
}

void split_vote_escalates() {
    World w;
    assign(w.env);
    vote(w.env, w.task, each_says({"a", "b", "c"}));
    w.env.require(task_state(w.task, pb::TASK_ESCALATED));
    EXPECT_EQ(w.env.task(w.task).replicas(), 4U);
    EXPECT_EQ(w.env.task(w.task).vacancies(), 1U);
}

void escalation_offers_to_a_disjoint_operator() {
    World w;
    assign(w.env);
    vote(w.env, w.task, each_says({"a", "b", "c"}));
    assign(w.env);
    w.env.require(task_state(w.task, pb::TASK_ASSIGNED));
    ASSERT_EQ(in_state(w.env, w.task, pb::SLOT_OFFERED).size(), 1U);
    EXPECT_EQ(w.env.task(w.task).slots_size(), 4);
}

void five_without_majority_are_undecided() {
    World w;
    assign(w.env);
    vote(w.env, w.task, each_says({"a", "b", "c"}));
    assign(w.env);
    vote(w.env, w.task, each_says({"a"}));
    w.env.require(task_state(w.task, pb::TASK_ESCALATED));
    assign(w.env);
    vote(w.env, w.task, each_says({"b"}));
    w.env.require(task_state(w.task, pb::TASK_UNDECIDED));
    w.env.require(job_state(w.job, pb::JOB_FAILED));
    w.env.require(balance(named("alice"), kGenesisBalance - kFee));
    for (const Address& op : w.providers) {  // nobody is slashed
        w.env.require(bonded(op, 10 * kMinStake));
        w.env.require(locked(op, 0));
    }
}

void dispute_window_over_makes_final() {
    World w;
    assign(w.env);
    vote(w.env, w.task, all_say("a"));
    w.env.close(3'999);
    w.env.close(1);
    w.env.require(task_state(w.task, pb::TASK_TALLIED));
    w.env.close();
    w.env.require(task_state(w.task, pb::TASK_FINAL));
    w.env.require(job_state(w.job, pb::JOB_DONE));
}

void posted_task_expires_at_the_deadline() {
    World w(2);  // too few for three replicas
    w.env.wait(3'600'000);
    w.env.require(task_state(w.task, pb::TASK_EXPIRED));
    w.env.require(job_state(w.job, pb::JOB_FAILED));
    w.env.require(balance(named("alice"), kGenesisBalance - kFee));
}

void assigned_task_expires_at_t_final() {
    World w(3);
    assign(w.env);
    const auto offered = in_state(w.env, w.task, pb::SLOT_OFFERED);
    for (const Address& op : offered) w.env(accept(op, w.task));
    w.env(commit(offered[0], w.task, result_named("a")));
    w.env.wait(61'000);  // two commits are missing, no substitute exists
    w.env.require(task_state(w.task, pb::TASK_ASSIGNED));
    w.env.wait(600'000);
    w.env.require(task_state(w.task, pb::TASK_EXPIRED));
    w.env.require(slot_state(w.task, offered[0], pb::SLOT_RELEASED));
    w.env.require(slot_state(w.task, offered[1], pb::SLOT_NO_COMMIT));
    w.env.require(job_state(w.job, pb::JOB_FAILED));
}

void escalated_task_expires_without_bids() {
    World w(3);
    assign(w.env);
    vote(w.env, w.task, each_says({"a", "b", "c"}));
    w.env.wait(600'001);
    w.env.require(task_state(w.task, pb::TASK_EXPIRED));
    for (const Address& op : w.providers) w.env.require(bonded(op, 10 * kMinStake));
}

void posted_task_is_cancelled() {
    World w;
    w.env(cancel_job(named("alice"), w.job));
    w.env.require(task_state(w.task, pb::TASK_CANCELLED));
    w.env.require(job_state(w.job, pb::JOB_CANCELLED));
    w.env.require(balance(named("alice"), kGenesisBalance - 2 * kFee));
}

void assigned_task_is_cancelled_without_pay() {
    World w;
    assign(w.env);
    const auto offered = in_state(w.env, w.task, pb::SLOT_OFFERED);
    w.env(accept(offered[0], w.task));
    w.env.close(900);  // most of T_ref, which follows from a score that the provider declared
    w.env(cancel_job(named("alice"), w.job));
    w.env.require(task_state(w.task, pb::TASK_CANCELLED));
    EXPECT_EQ(w.env.job(w.job).spent(), 0U);
    for (const Address& op : offered) w.env.require(locked(op, 0));
}

// Two shards: shard 0 ends the job (diverged) while shard 1 is in the state wanted.
struct TwoShards {
    TwoShards() : providers(add_providers(env, 6)) {
        job = post(env, tiny_job(1, 2));
        first = train_task(job, 0, 0);
        second = train_task(job, 0, 1);
        assign(env);
    }
    void diverge_first() {
        vote(env, first, [](size_t) { return diverged_at(0); });
        env.require(task_state(first, pb::TASK_TALLIED));
        env.wait(4'000);
        env.require(task_state(first, pb::TASK_FINAL));
        env.require(job_state(job, pb::JOB_FAILED));
    }
    Env env;
    std::vector<Address> providers;
    Hash256 job, first, second;
};

void committed_task_is_cancelled_with_its_job() {
    TwoShards w;
    accept_offers(w.env, w.second);
    commit_accepted(w.env, w.second, all_say("a"));
    w.env.require(task_state(w.second, pb::TASK_COMMITTED));
    w.diverge_first();
    w.env.require(task_state(w.second, pb::TASK_CANCELLED));
    EXPECT_EQ(w.env.job(w.job).spent(), 6 * kReward);  // three agreed, three had committed
    for (const Address& op : w.providers) w.env.require(locked(op, 0));
}

void escalated_task_is_cancelled_with_its_job() {
    TwoShards w;
    for (const Address& op : w.providers) w.env(update_provider(op, false));  // no substitutes
    vote(w.env, w.second, each_says({"a", "b", "c"}));
    w.env.require(task_state(w.second, pb::TASK_ESCALATED));
    w.diverge_first();
    w.env.require(task_state(w.second, pb::TASK_CANCELLED));
}

using Edge = std::pair<pb::TaskState, pb::TaskState>;

const std::map<Edge, void (*)()>& scenarios() {
    using namespace pb;
    static const std::map<Edge, void (*)()> table = {
        {{TASK_NONE, TASK_POSTED}, post_opens_a_task},
        {{TASK_POSTED, TASK_ASSIGNED}, later_beacon_assigns},
        {{TASK_ASSIGNED, TASK_POSTED}, all_declined_posts_again},
        {{TASK_ASSIGNED, TASK_COMMITTED}, all_commits_freeze_the_set},
        {{TASK_COMMITTED, TASK_REVEALED}, all_reveals_tally},
        {{TASK_REVEALED, TASK_TALLIED}, all_reveals_tally},
        {{TASK_COMMITTED, TASK_ASSIGNED}, no_reveal_at_all_seeks_fresh_operators},
        {{TASK_REVEALED, TASK_ESCALATED}, split_vote_escalates},
        {{TASK_ESCALATED, TASK_ASSIGNED}, escalation_offers_to_a_disjoint_operator},
        {{TASK_ESCALATED, TASK_UNDECIDED}, five_without_majority_are_undecided},
        {{TASK_TALLIED, TASK_FINAL}, dispute_window_over_makes_final},
        {{TASK_POSTED, TASK_EXPIRED}, posted_task_expires_at_the_deadline},
        {{TASK_ASSIGNED, TASK_EXPIRED}, assigned_task_expires_at_t_final},
        {{TASK_ESCALATED, TASK_EXPIRED}, escalated_task_expires_without_bids},
        {{TASK_POSTED, TASK_CANCELLED}, posted_task_is_cancelled},
        {{TASK_ASSIGNED, TASK_CANCELLED}, assigned_task_is_cancelled_without_pay},
        {{TASK_COMMITTED, TASK_CANCELLED}, committed_task_is_cancelled_with_its_job},
        {{TASK_ESCALATED, TASK_CANCELLED}, escalated_task_is_cancelled_with_its_job},
    };
    return table;
}

TEST(TaskEdges, EveryEdgeHasAScenarioThatHolds) {
    for (const contracts::TaskEdge& edge : contracts::kTaskEdges) {
        SCOPED_TRACE(pb::TaskState_Name(edge.from) + " to " + pb::TaskState_Name(edge.to));
        const auto found = scenarios().find({edge.from, edge.to});
        if (edge.guard.starts_with("reserved")) {
            EXPECT_EQ(found, scenarios().end());
            continue;
        }
        ASSERT_NE(found, scenarios().end());
        found->second();
    }
}

TEST(TaskEdges, TheTableHasNoOtherEdges) {
    size_t reserved = 0;
    for (const contracts::TaskEdge& edge : contracts::kTaskEdges)
        reserved += edge.guard.starts_with("reserved") ? 1 : 0;
    EXPECT_EQ(reserved, 3U);
    EXPECT_EQ(std::size(contracts::kTaskEdges), scenarios().size() + reserved);
    EXPECT_FALSE(contracts::is_legal_edge(pb::TASK_FINAL, pb::TASK_POSTED));
    EXPECT_FALSE(contracts::is_reachable(pb::TASK_TALLIED, pb::TASK_POSTED));
    EXPECT_TRUE(contracts::is_reachable(pb::TASK_COMMITTED, pb::TASK_FINAL));
}

}  // namespace
}  // namespace assay::test
