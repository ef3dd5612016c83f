// One scenario per edge of kSlotEdges, and what the invariant says of a change that is none.
#include <gtest/gtest.h>

#include <map>

#include "contracts/invariants.h"
#include "contracts/keys.h"
#include "contracts/store.h"
#include "contracts/task_states.h"
#include "tests/contracts/scenario.h"

namespace assay::test {
namespace {

// A posted job of one task, matched with three of the providers.
struct Matched {
    explicit Matched(int count = 3) {
        add_providers(env, count);
        job = post(env);
        task = train_task(job);
        assign(env);
    }
    size_t count(pb::SlotState state) const { return in_state(env, task, state).size(); }
    void accept_all() { accept_offers(env, task); }
    void commit_all(const ResultOf& results) {
        accept_all();
        commit_accepted(env, task, results);
    }
    void cancel() { env(cancel_job(named("alice"), job)); }
    Env env;
    Hash256 job, task;
};

using Edge = std::pair<pb::SlotState, pb::SlotState>;
using Scenario = void (*)(Matched&);

// Each leaves slots in the edge's second state, having checked that they were in its first.
const std::map<Edge, Scenario>& scenarios() {
    using namespace pb;
    static const std::map<Edge, Scenario> table = {
        {{SLOT_NONE, SLOT_OFFERED}, [](Matched&) {}},
        {{SLOT_OFFERED, SLOT_ACCEPTED}, [](Matched& m) { m.accept_all(); }},
        {{SLOT_OFFERED, SLOT_DECLINED},
         [](Matched& m) { m.env(decline(in_state(m.env, m.task, SLOT_OFFERED)[0], m.task)); }},
        {{SLOT_OFFERED, SLOT_NOT_ACCEPTED}, [](Matched& m) { m.env.wait(10'001); }},
        {{SLOT_OFFERED, SLOT_RELEASED}, [](Matched& m) { m.cancel(); }},
        {{SLOT_ACCEPTED, SLOT_COMMITTED}, [](Matched& m) { m.commit_all(all_say("a")); }},
        {{SLOT_ACCEPTED, SLOT_NO_COMMIT},
         [](Matched& m) {
             m.accept_all();
             EXPECT_EQ(m.count(SLOT_ACCEPTED), 3U);
             m.env.wait(61'000);
         }},
        {{SLOT_ACCEPTED, SLOT_RELEASED},
         [](Matched& m) {
             m.accept_all();
             EXPECT_EQ(m.count(SLOT_ACCEPTED), 3U);
             m.cancel();
         }},
        {{SLOT_COMMITTED, SLOT_REVEALED},
         [](Matched& m) {
             m.commit_all(all_say("a"));
             const auto committed = in_state(m.env, m.task, SLOT_COMMITTED);
             ASSERT_EQ(committed.size(), 3U);
             m.env(reveal(committed[0], m.task, result_named("a")));
         }},
        {{SLOT_COMMITTED, SLOT_NO_REVEAL},
         [](Matched& m) {
             m.commit_all(all_say("a"));
             EXPECT_EQ(m.count(SLOT_COMMITTED), 3U);
             m.env.wait(30'000);
         }},
        {{SLOT_COMMITTED, SLOT_RELEASED},
         [](Matched& m) {
             m.accept_all();
             m.env(commit(in_state(m.env, m.task, SLOT_ACCEPTED)[0], m.task, result_named("a")));
             EXPECT_EQ(m.count(SLOT_COMMITTED), 1U);
             m.env.wait(61'000);  // two commits are missing and no substitute exists
             m.env.wait(600'000);
             EXPECT_EQ(m.count(SLOT_NO_COMMIT), 2U);
         }},
        {{SLOT_REVEALED, SLOT_AGREED}, [](Matched& m) { vote(m.env, m.task, all_say("a")); }},
        {{SLOT_REVEALED, SLOT_DISSENT},
         [](Matched& m) {
             vote(m.env, m.task, each_says({"a", "a", "b"}));
             EXPECT_EQ(m.count(SLOT_AGREED), 2U);
         }},
        {{SLOT_REVEALED, SLOT_RELEASED},
         [](Matched& m) {
             vote(m.env, m.task, each_says({"a", "b", "c"}));
             EXPECT_EQ(m.count(SLOT_REVEALED), 3U);
             m.env.wait(600'001);  // no fourth operator
         }},
    };
    return table;
}

TEST(SlotEdges, EveryEdgeHasAScenarioThatTakesIt) {
    for (const contracts::SlotEdge& edge : contracts::kSlotEdges) {
        SCOPED_TRACE(pb::SlotState_Name(edge.from) + " to " + pb::SlotState_Name(edge.to));
        const auto found = scenarios().find({edge.from, edge.to});
        ASSERT_NE(found, scenarios().end());
        Matched matched;
        ASSERT_EQ(matched.count(pb::SLOT_OFFERED), 3U);
        found->second(matched);
        EXPECT_GE(matched.count(edge.to), 1U);
    }
    EXPECT_EQ(std::size(contracts::kSlotEdges), scenarios().size());
}

TEST(SlotEdges, EveryOtherChangeBreaksTheInvariant) {
    const Matched matched;
    const pb::Task stored = matched.env.task(matched.task);
    const Bytes key = contracts::keys::task(view_of(stored.id()));
    for (int from = 0; from < pb::SlotState_ARRAYSIZE; ++from) {
        for (int to = 0; to < pb::SlotState_ARRAYSIZE; ++to) {
            if (!pb::SlotState_IsValid(from) || !pb::SlotState_IsValid(to)) continue;
            pb::Task task = stored;
            pb::Slot& slot = *task.mutable_slots(0);
            const auto save = [&](ledger::State& state, int number) {
                slot.set_state(static_cast<pb::SlotState>(number));
                state.put(key, bytes_of(task.SerializeAsString()));
            };
            ledger::State before(matched.env.committed());
            save(before, from);
            ledger::State after(before);
            save(after, to);
            const auto broken = contracts::find_broken_change(after);
            const bool is_named =
                broken && broken->find("no path of edges from") != std::string::npos;
            EXPECT_EQ(is_named, !contracts::is_reachable(static_cast<pb::SlotState>(from),
                                                         static_cast<pb::SlotState>(to)))
                << pb::SlotState_Name(from) << " to " << pb::SlotState_Name(to);
        }
    }
    EXPECT_FALSE(contracts::is_reachable(pb::SLOT_AGREED, pb::SLOT_DISSENT));
    EXPECT_FALSE(contracts::is_reachable(pb::SLOT_NO_COMMIT, pb::SLOT_COMMITTED));
    EXPECT_TRUE(contracts::is_reachable(pb::SLOT_ACCEPTED, pb::SLOT_AGREED));
}

}  // namespace
}  // namespace assay::test
