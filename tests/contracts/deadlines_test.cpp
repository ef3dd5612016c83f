// Deadlines need blocks as well as time; T_final follows the last who was asked.
#include "contracts/deadlines.h"

#include <gtest/gtest.h>

#include "contracts/limits.h"
#include "tests/contracts/scenario.h"

namespace assay::test {
namespace {

using contracts::kMinWindowBlocks;

// Three accepted slots; the first two committed, or all three.
struct Assigned {
    explicit Assigned(size_t commits, int count = 3) {
        add_providers(env, count);
        task = train_task(post(env));
        assign(env);
        accept_offers(env, task);
        ops = in_state(env, task, pb::SLOT_ACCEPTED);
        for (size_t i = 0; i < commits; ++i) env(commit(ops[i], task, result_named("a")));
    }
    void blocks(size_t count, uint64_t ms = 200) {
        for (size_t i = 0; i < count; ++i) env.close(ms);
    }
    Env env;
    Hash256 task;
    std::vector<Address> ops;
};

TEST(Deadlines, AProducersSilenceFinesNobody) {
    Assigned a(2);
    a.blocks(20);
    a.env.close(120'000);  // the producer is away over the end of the commit window
    a.env.require(slot_state(a.task, a.ops[2], pb::SLOT_ACCEPTED));
    a.blocks(kMinWindowBlocks - 1);
    a.env(commit(a.ops[2], a.task, result_named("a")));
    a.env.require(task_state(a.task, pb::TASK_COMMITTED));
    a.blocks(20);
    a.env.close(120'000);  // and over the end of the reveal window
    a.blocks(kMinWindowBlocks - 1);
    reveal_committed(a.env, a.task, all_say("a"));
    a.env.require(task_state(a.task, pb::TASK_TALLIED));
    EXPECT_EQ(a.env.count_events("stake.slashed"), 0U);
    EXPECT_EQ(a.env.count_events("provider.suspended"), 0U);
}

TEST(Deadlines, AfterTheSilenceTheWindowClosesWithItsBlocks) {
    Assigned a(2);
    a.blocks(20);
    a.env.close(120'000);
    a.blocks(kMinWindowBlocks);
    a.env.require(slot_state(a.task, a.ops[2], pb::SLOT_ACCEPTED));
    a.env(commit(a.ops[2], a.task, result_named("a")), TxCode::kDeadlinePassed);
    a.env.close();
    a.env.require(slot_state(a.task, a.ops[2], pb::SLOT_NO_COMMIT));
}

TEST(Deadlines, ARevealWindowHasItsBlocksHoweverLateTheyAre) {
    Assigned a(3);
    a.env.require(task_state(a.task, pb::TASK_COMMITTED));
    a.blocks(kMinWindowBlocks - 1, 29'000);
    a.env.require(task_state(a.task, pb::TASK_COMMITTED));
    reveal_committed(a.env, a.task, all_say("a"));
    a.env.require(task_state(a.task, pb::TASK_TALLIED));
}

TEST(Deadlines, PassOnAChainWhoseEveryBlockIsLate) {
    Assigned a(2);
    a.blocks(2 * kMinWindowBlocks + 4, 40'000);
    a.env.require(slot_state(a.task, a.ops[2], pb::SLOT_NO_COMMIT));
    // T_final passes too.
    a.blocks(30, 40'000);
    a.env.require(task_state(a.task, pb::TASK_EXPIRED));
}

TEST(Deadlines, ASilenceDoesNotExpireATask) {
    Assigned a(2);
    a.env.close(700'000);  // beyond T_final
    a.env(commit(a.ops[2], a.task, result_named("a")));
    reveal_committed(a.env, a.task, all_say("a"));
    a.env.require(task_state(a.task, pb::TASK_TALLIED));
}

TEST(Deadlines, FinalTimeCountsFromTheLastOffer) {
    Assigned a(1, 5);
    const uint64_t first = a.env.task(a.task).expires_ms();
    a.env.wait(61'000);  // two commits are missing
    a.env.close();
    ASSERT_EQ(in_state(a.env, a.task, pb::SLOT_OFFERED).size(), 2U);
    const uint64_t extended = a.env.task(a.task).expires_ms();
    EXPECT_GT(extended, first);
    EXPECT_EQ(extended, a.env.task(a.task).slots(4).offered_ms() + 600'000);
}

TEST(Deadlines, FinalTimeCountsFromAnEscalation) {
    Assigned a(0, 3);
    a.env.wait(50'000);
    commit_accepted(a.env, a.task, each_says({"a", "b", "c"}));
    reveal_committed(a.env, a.task, each_says({"a", "b", "c"}));
    a.env.require(task_state(a.task, pb::TASK_ESCALATED));
    EXPECT_EQ(a.env.task(a.task).expires_ms(), a.env.now() + 600'000);
}

TEST(Deadlines, FinalTimeNeverPassesTheJobsDeadline) {
    Env env;
    add_providers(env, 3);
    pb::JobSpec spec = tiny_job();
    spec.mutable_terms()->set_deadline_ms(300'000);
    const Hash256 job = post(env, spec);
    assign(env);
    EXPECT_EQ(env.task(train_task(job)).expires_ms(), env.job(job).posted_ms() + 300'000);
}

}  // namespace
}  // namespace assay::test
