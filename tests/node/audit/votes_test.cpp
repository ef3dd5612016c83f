// Votes that a producer does not count, or counts for the wrong side: named by the replay under the
// honest rules, and by the second count even when the rules themselves are the liar's.
#include "node/audit/votes.h"

#include <gtest/gtest.h>

#include "node/audit/replayed_ledger.h"
#include "tests/node/audit/audit_chain.h"

namespace assay::test {
namespace {

std::string problem_in(const std::string& file, const ledger::Rules& rules) {
    const auto ledger = node::ReplayedLedger::open(file, rules);
    return ledger.ok() ? "" : ledger.error().message;
}

// In the block that tallies, right after the last reveal.
LyingRules::Lie at_tally(const std::function<void(pb::Task&)>& change,
                         const std::string& votes = "") {
    return [=](const ledger::BlockInfo&, ledger::State& state, ledger::Events& events) {
        for (auto& event : events) {
            if (event.type != "task.tallied") continue;
            contracts::Store store(state);
            pb::Task task = *store.task(*from_hex(event.attributes[0].second));
            change(task);
            store.put(task);
            if (!votes.empty()) event.attributes[2].second = votes;
        }
    };
}

class VoteLies : public ::testing::Test {
protected:
    // Under the liar's rules; under the honest ones.
    void play(const LyingRules::Lie& lie) {
        rules_.keeps_laws = false;
        rules_.after_apply = lie;
        chain_ = std::make_unique<AuditChain>(rules_);
        chain_->play_job();
        const std::string file = chain_->export_file();
        own_ = problem_in(file, rules_);
        honest_ = problem_in(file, contracts::ContractRules());
        height_ = "height " + std::to_string(chain_->height_of("task.tallied")) + ": ";
        task_ = "task " + to_hex(chain_->task_id()) + ": ";
    }
    std::string slot(int index) const {
        return "slots[" + std::to_string(index) + "] of " +
               to_hex(view_of(chain_->task().slots(index).operator_()));
    }

    LyingRules rules_;
    std::unique_ptr<AuditChain> chain_;
    std::string own_;
    std::string honest_;
    std::string height_;
    std::string task_;
};

TEST_F(VoteLies, AVoteCountedForTheWrongSide) {
    play(at_tally([](pb::Task& task) { task.mutable_slots(2)->set_state(pb::SLOT_AGREED); }, "3"));
    EXPECT_EQ(own_, height_ + task_ + slot(2) +
                        ".state: its vote was not counted as what it is: is SLOT_AGREED, due "
                        "SLOT_DISSENT");
    EXPECT_TRUE(honest_.starts_with(height_ + "header.app_hash: ")) << honest_;
    EXPECT_TRUE(has(honest_, "].votes: recorded '3', due '2' by the rules")) << honest_;
    EXPECT_TRUE(has(honest_, to_hex(chain_->task_id()))) << honest_;
}

TEST_F(VoteLies, AVoteCountedForTheWrongSideInTheStateAlone) {
    play(at_tally([](pb::Task& task) { task.mutable_slots(0)->set_state(pb::SLOT_DISSENT); }));
    EXPECT_TRUE(own_.starts_with(height_ + task_ + slot(0) + ".state: ")) << own_;
    EXPECT_TRUE(honest_.starts_with(height_ + "header.app_hash: ")) << honest_;
    EXPECT_TRUE(has(honest_, task_ + slot(0) + ".state: is SLOT_DISSENT, due SLOT_AGREED"))
        << honest_;
}

TEST_F(VoteLies, AVoteNotCounted) {
    play(at_tally([](pb::Task& task) { task.mutable_slots(1)->set_state(pb::SLOT_NO_REVEAL); },
                  "1"));
    EXPECT_TRUE(own_.starts_with("height " + std::to_string(chain_->height_of("task.revealed")) +
                                 ": " + task_ + slot(1) + ".state: is SLOT_NO_REVEAL, but "))
        << own_;
    EXPECT_TRUE(has(own_, "revealed its vote")) << own_;
    EXPECT_TRUE(has(honest_, "].votes: recorded '1', due '2'")) << honest_;
}

TEST_F(VoteLies, AVoteReplacedByAnother) {
    play(at_tally([](pb::Task& task) {
        *task.mutable_slots(2)->mutable_output() = task.output();
        *task.mutable_slots(2)->mutable_trace() = task.trace();
        task.mutable_slots(2)->set_state(pb::SLOT_AGREED);
    }));
    EXPECT_TRUE(has(own_, task_ + slot(2) + ".output: recorded output ")) << own_;
    EXPECT_TRUE(own_.starts_with(height_)) << own_;
    EXPECT_TRUE(honest_.starts_with(height_ + "header.app_hash: ")) << honest_;
}

TEST(TaskVotes, ChecksEverySlotOfAFinalTask) {
    const contracts::ContractRules rules;
    AuditChain chain(rules);
    chain.play_job();
    const pb::Task task = chain.task();
    EXPECT_TRUE(node::check_task_tally(task).ok());
    EXPECT_TRUE(node::check_task_payments(task).ok());

    pb::Task changed = task;
    changed.mutable_slots(0)->set_paid(task.slots(0).paid() + 1);
    EXPECT_TRUE(has(node::check_task_payments(changed).error().message,
                    ".paid: " + std::to_string(task.slots(0).paid() + 1) + ", due " +
                        std::to_string(task.slots(0).paid())));
    changed = task;
    changed.mutable_slots(2)->set_paid(1);
    EXPECT_TRUE(has(node::check_task_payments(changed).error().message, ".paid: 1, due 0"));
    changed = task;
    changed.mutable_slots(2)->set_slashed(0);
    EXPECT_TRUE(has(node::check_task_payments(changed).error().message, ".slashed: "));
    changed = task;
    *changed.mutable_slots(1)->mutable_output() = task.slots(2).output();
    EXPECT_TRUE(has(node::check_task_tally(changed).error().message, "slots[1] of "));
    changed = task;
    changed.set_replicas(4);
    EXPECT_TRUE(has(node::check_task_tally(changed).error().message,
                    "output: accepted with 2 of 4 votes, no strict majority"));
}

}  // namespace
}  // namespace assay::test
