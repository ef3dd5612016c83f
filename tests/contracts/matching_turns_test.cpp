// Nobody waits behind what cannot be served, and nobody is barred from a task for ever.
#include <gtest/gtest.h>

#include "contracts/limits.h"
#include "contracts/task_store.h"
#include "tests/contracts/scenario.h"

namespace assay::test {
namespace {

TEST(MatchingTurns, TasksThatNobodyCanServeDoNotHideLaterOnes) {
    Env env;
    add_providers(env, 3);
    pb::JobSpec impossible = tiny_job(1, 64);
    impossible.mutable_terms()->set_min_score(contracts::kMaxScore);
    impossible.mutable_terms()->set_priority(5);
    for (int i = 0; i < 9; ++i) post(env, impossible);  // 576 vacant tasks, two windows and more
    env.close();
    const Hash256 possible = train_task(post(env));
    env.close();
    for (int i = 0; i < 3; ++i) env.close();
    env.require(task_state(possible, pb::TASK_ASSIGNED));
    EXPECT_EQ(env.broken_state(), std::nullopt);
}

TEST(MatchingTurns, DeclinesAreForgotten) {
    Env env;
    add_providers(env, 3);
    const Hash256 task = train_task(post(env));
    assign(env);
    const auto ops = in_state(env, task, pb::SLOT_OFFERED);
    for (const Address& op : ops) env(decline(op, task));
    env.wait(contracts::kSlotMemoryMs - 1'000);
    env.require(task_state(task, pb::TASK_POSTED));
    env.wait(1'000);
    env.require(task_state(task, pb::TASK_ASSIGNED));
    EXPECT_EQ(env.task(task).slots_size(), 3);  // one slot per operator
    vote(env, task, all_say("a"));
    env.require(task_state(task, pb::TASK_TALLIED));
    EXPECT_EQ(env.broken_state(), std::nullopt);
}

TEST(MatchingTurns, AFullListDropsTheOldestSlotsThatBroughtNoVote) {
    pb::Task task;
    const auto add = [&](pb::SlotState state, uint64_t stake, uint64_t offered_ms) {
        pb::Slot& slot = *task.add_slots();
        slot.set_state(state);
        slot.set_stake(stake);
        slot.set_offered_ms(offered_ms);
    };
    add(pb::SLOT_REVEALED, 800, 1);
    add(pb::SLOT_NO_REVEAL, 800, 1);  // withheld: its stake waits for the verdict
    for (int i = 2; i < contracts::kMaxSlotsPerTask; ++i)
        add(pb::SLOT_DECLINED, 0, static_cast<uint64_t>(i));
    contracts::make_room(task, 3, 100);
    ASSERT_EQ(task.slots_size(), contracts::kMaxSlotsPerTask - 3);
    EXPECT_EQ(task.slots(0).state(), pb::SLOT_REVEALED);
    EXPECT_EQ(task.slots(1).state(), pb::SLOT_NO_REVEAL);
    EXPECT_EQ(task.slots(2).offered_ms(), 5U);
    contracts::make_room(task, 0, contracts::kSlotMemoryMs + 10);
    EXPECT_EQ(task.slots_size(), 2 + contracts::kMaxSlotsPerTask - 11);
}

}  // namespace
}  // namespace assay::test
