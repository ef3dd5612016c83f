// A producer signs blocks whose state is not what the rules give: the audit names the height and
// what was done instead.
#include <gtest/gtest.h>

#include "ledger/audit/export.h"
#include "ledger/audit/export_file.h"
#include "ledger/crypto/address_text.h"
#include "node/audit/replayed_ledger.h"
#include "tests/node/audit/audit_chain.h"

namespace assay::test {
namespace {

std::string text_of_address(const Address& address) {
    return ledger::address_text(address);
}

std::string problem_in(const std::string& file) {
    const auto ledger = node::ReplayedLedger::open(file);
    return ledger.ok() ? "" : ledger.error().message;
}

std::string attribute(const ledger::PendingEvent& event, std::string_view key) {
    for (const auto& [name, value] : event.attributes)
        if (name == key) return value;
    return {};
}

// Pays `count` payments of the settling block to the stranger.
LyingRules::Lie redirect(size_t count, bool with_event) {
    return [=](const ledger::BlockInfo&, ledger::State& state, ledger::Events& events) {
        contracts::Store store(state);
        size_t done = 0;
        for (auto& event : events) {
            if (event.type != "payment" || done == count) continue;
            ++done;
            const uint64_t amount = std::stoull(attribute(event, "amount"));
            const auto op = *Address::from(*from_hex(attribute(event, "operator")));
            pb::Account loser = store.account(op);
            loser.set_balance(loser.balance() - amount);
            store.put(op, loser);
            pb::Account winner = store.account(who(kStranger));
            winner.set_balance(winner.balance() + amount);
            store.put(who(kStranger), winner);
            if (!with_event) continue;
            for (auto& [key, value] : event.attributes)
                if (key == "operator") value = to_hex(who(kStranger).view());
        }
    };
}

TEST(AuditTest, AnHonestLedgerWithAJobPasses) {
    const contracts::ContractRules rules;
    AuditChain chain(rules);
    chain.play_job();
    const auto ledger = node::ReplayedLedger::open(chain.export_file());
    ASSERT_TRUE(ledger.ok()) << ledger.error().message;
    EXPECT_EQ((*ledger)->report().height, chain.height());
    const pb::Task task = chain.task();
    EXPECT_EQ(pb::TaskState_Name(task.state()), "TASK_FINAL");
    ASSERT_EQ(task.slots_size(), 3);
    EXPECT_GT(task.slots(0).paid(), 0U);
    EXPECT_GT(task.slots(2).slashed(), 0U);
    EXPECT_EQ(chain.height_of("payment"), chain.height_of("task.final"));
}

TEST(AuditTest, AChangedPaymentEventIsNamedWithAccountAndDue) {
    LyingRules rules;
    rules.after_end_block = redirect(1, true);
    AuditChain chain(rules);
    chain.play_job();
    const std::string problem = problem_in(chain.export_file());
    const std::string due = to_hex(view_of(chain.task().slots(0).operator_()));
    EXPECT_TRUE(problem.starts_with("height " + std::to_string(chain.height_of("payment")) +
                                    ": header.app_hash: "))
        << problem;
    EXPECT_TRUE(has(
        problem, ".operator: recorded '" + to_hex(who(kStranger).view()) + "', due '" + due + "'"))
        << problem;
    EXPECT_TRUE(has(problem, "payment operator=" + due)) << problem;
}

TEST(AuditTest, AHiddenRedirectionIsProvenFromTheHeaderAlone) {
    LyingRules rules;
    rules.after_end_block = redirect(1, false);
    AuditChain chain(rules);
    chain.play_job();
    const std::string problem = problem_in(chain.export_file());
    const pb::Slot slot = chain.task().slots(0);
    const auto due = contracts::stored_address(slot.operator_());
    EXPECT_TRUE(problem.starts_with("height " + std::to_string(chain.height_of("payment")) + ": "))
        << problem;
    EXPECT_TRUE(has(problem, "payment for task " + to_hex(chain.task_id()) + ": " +
                                 std::to_string(slot.paid()) + " due to account " +
                                 text_of_address(due) + " was paid to account " +
                                 text_of_address(who(kStranger))))
        << problem;
    EXPECT_TRUE(has(problem, "proven")) << problem;
}

TEST(AuditTest, AllPaymentsToOneAccountAreNamedTogether) {
    LyingRules rules;
    rules.after_end_block = redirect(2, false);
    AuditChain chain(rules);
    chain.play_job();
    const std::string problem = problem_in(chain.export_file());
    for (int i : {0, 1}) {
        const auto due = contracts::stored_address(chain.task().slots(i).operator_());
        EXPECT_TRUE(has(problem, "due to account " + text_of_address(due) +
                                     " was paid to account " + text_of_address(who(kStranger))))
            << problem;
    }
}

TEST(AuditTest, ALieWithoutRecordedEventsIsStillNamed) {
    LyingRules rules;
    rules.after_end_block = redirect(1, true);
    AuditChain chain(rules);
    chain.play_job();
    // The liar leaves the events out of the file it hands over.
    auto reader = ledger::ExportReader::open(chain.export_file()).value();
    auto writer = ledger::ExportWriter::create(chain.file("bare")).value();
    for (;;) {
        const auto frame = reader.next().value();
        if (frame.kind != ledger::FrameKind::kEvents) {
            ASSERT_TRUE(writer.write(frame).ok());
        }
        if (frame.kind == ledger::FrameKind::kEnd) break;
    }
    ASSERT_TRUE(writer.finish().ok());
    const std::string problem = problem_in(chain.file("bare"));
    EXPECT_TRUE(has(problem, "the file records no events of this block")) << problem;
    EXPECT_TRUE(has(problem, "was paid to account " + text_of_address(who(kStranger)))) << problem;
}

TEST(AuditTest, MoneyFromNowhereBreaksALaw) {
    LyingRules rules;
    rules.keeps_laws = false;
    rules.after_end_block = [](const ledger::BlockInfo& block, ledger::State& state,
                               ledger::Events&) {
        if (block.height != 3) return;
        contracts::Store store(state);
        pb::Account rich = store.account(who(kStranger));
        rich.set_balance(rich.balance() + 1);
        store.put(who(kStranger), rich);
    };
    AuditChain chain(rules);
    chain.play_job();
    const std::string problem = problem_in(chain.export_file());
    EXPECT_TRUE(problem.starts_with("height 3: header.app_hash: ")) << problem;
    EXPECT_TRUE(has(problem, "the state differs beside them")) << problem;
    // Under its own rules the same file breaks the conservation of money.
    const contracts::ContractRules honest;
    EXPECT_NE(honest.broken_global_invariant(*chain.database().snapshot()), std::nullopt);
}

TEST(AuditTest, AFalseEventBesideAnHonestStateIsNamed) {
    const contracts::ContractRules rules;
    AuditChain chain(rules);
    chain.play_job();
    auto reader = ledger::ExportReader::open(chain.export_file()).value();
    auto writer = ledger::ExportWriter::create(chain.file("forged")).value();
    for (uint64_t height = 0;;) {
        auto frame = reader.next().value();
        if (frame.kind == ledger::FrameKind::kEvents && ++height == chain.height_of("payment")) {
            const std::string amount = std::to_string(chain.task().slots(0).paid());
            std::string text(text_of(frame.payload));
            const size_t at = text.find(amount, text.find("payment"));
            ASSERT_NE(at, std::string::npos);
            frame.payload[at] = frame.payload[at] == '9' ? '8' : '9';
        }
        ASSERT_TRUE(writer.write(frame).ok());
        if (frame.kind == ledger::FrameKind::kEnd) break;
    }
    ASSERT_TRUE(writer.finish().ok());
    const std::string problem = problem_in(chain.file("forged"));
    EXPECT_TRUE(
        problem.starts_with("height " + std::to_string(chain.height_of("payment")) + ": events["))
        << problem;
    EXPECT_TRUE(has(problem, "].amount: recorded '9")) << problem;
}

}  // namespace
}  // namespace assay::test
