// Agents on a real chain: registration, whole jobs, faults, and a restart between any two steps.
#include "node/agent/provider_agent.h"

#include <algorithm>
#include <atomic>

#include "ledger/crypto/address_text.h"
#include "tests/node/agent/chain_fixture.h"

namespace assay::node {
namespace {

using testing::AgentChain;
using testing::expected_output;
using testing::small_spec;

class ProviderAgentTest : public AgentChain {
protected:
    Bytes output_of(const pb::Task& task) {
        return blobs_->get_bytes(*hash_from(view_of(task.output().root())), 1 << 24).value();
    }
    const pb::Slot* slot_of(const pb::Task& task, const ledger::Address& op) {
        for (const auto& slot : task.slots()) {
            if (ledger::Address::from(slot.operator_()) == op) return &slot;
        }
        return nullptr;
    }
};

TEST_F(ProviderAgentTest, BondsAndRegistersOnce) {
    auto& provider = add_provider(0);
    ASSERT_TRUE(all_registered(1)) << provider.said();
    const auto view = state();
    const auto recorded = contracts::get_provider(*view, provider.address());
    ASSERT_TRUE(recorded.has_value());
    EXPECT_EQ(recorded->moniker(), ledger::address_text(provider.address()));
    EXPECT_EQ(recorded->endpoint(), "127.0.0.1:1");
    EXPECT_EQ(recorded->sample().score(), 1'000'000U);
    EXPECT_EQ(contracts::get_stake(*view, provider.address())->bonded(), testing::kStake);
    // Bond and registration are all it sent, also some blocks later.
    const uint64_t height = producer_->height();
    ASSERT_TRUE(eventually([&] { return producer_->height() > height + 3; }));
    EXPECT_EQ(contracts::get_account(*state(), provider.address()).nonce(), 2U);
}

TEST_F(ProviderAgentTest, WithoutAStakeInTheConfigurationItBondsTheLeast) {
    auto& provider = add_provider(0, "", 0);
    ASSERT_TRUE(all_registered(1)) << provider.said();
    const auto least = contracts::get_params(*state()).min_stake();
    EXPECT_EQ(contracts::get_stake(*state(), provider.address())->bonded(), least);
}

TEST_F(ProviderAgentTest, AChangedConfigurationReachesTheLedgerAtTheNextStart) {
    add_provider(0);
    ASSERT_TRUE(all_registered(1)) << said();
    bid_.price_floor = 777;
    bid_.capacity = 3;
    add_provider(0);
    const auto on_ledger = [&] { return *contracts::get_provider(*state(), operator_at(0)); };
    ASSERT_TRUE(eventually([&] { return on_ledger().price_floor() == 777; })) << said();
    EXPECT_EQ(on_ledger().capacity(), 3U);
    EXPECT_TRUE(on_ledger().active());
    // One change is all it sends.
    const uint64_t height = producer_->height();
    ASSERT_TRUE(eventually([&] { return producer_->height() > height + 3; }));
    EXPECT_EQ(contracts::get_account(*state(), operator_at(0)).nonce(), 3U);
}

// What the ledger would refuse is said, not sent: every refusal costs a fee.
TEST_F(ProviderAgentTest, AStakeThatTheChainRefusesCostsNothing) {
    auto& small = add_provider(0, "", 1'000'000);
    auto& poor = add_provider(1, "", 2 * testing::kStartBalance);
    ASSERT_TRUE(eventually([&] {
        return small.said().find("provider.stake is 1000000") != std::string::npos &&
               poor.said().find("waiting for") != std::string::npos;
    })) << said();
    const uint64_t height = producer_->height();
    ASSERT_TRUE(eventually([&] { return producer_->height() > height + 3; }));
    for (const auto* provider : {&small, &poor}) {
        const auto account = contracts::get_account(*state(), provider->address());
        EXPECT_EQ(account.nonce(), 0U);
        EXPECT_EQ(account.balance(), testing::kStartBalance);
    }
}

TEST_F(ProviderAgentTest, ThreeAgentsFinishAJobWithTheBitsOfTheArithmetic) {
    for (uint8_t i = 0; i < 3; ++i) add_provider(i);
    ASSERT_TRUE(all_registered(3)) << said();
    const auto spec = small_spec(data_ref_, 2, 2);
    ASSERT_TRUE(post(spec).ok());
    ASSERT_TRUE(job_done()) << said();
    const auto all = tasks();
    ASSERT_EQ(all.size(), 6U);  // 2 rounds of 2 shards and an aggregation
    for (const auto& task : all) {
        EXPECT_EQ(task.slots_size(), 3);
        for (const auto& slot : task.slots()) EXPECT_EQ(slot.state(), pb::SLOT_AGREED);
        if (task.kind() == pb::TASK_TRAIN && task.round() == 0) {
            EXPECT_EQ(output_of(task), expected_output(spec, data_, folder_.path(), task.shard()));
        }
    }
    for (uint8_t i = 0; i < 3; ++i) {
        EXPECT_TRUE(std::filesystem::is_empty(folder_.path() / ("work" + std::to_string(i))));
    }
}

// An accepted slot without its data would end in a fine.
TEST_F(ProviderAgentTest, AnOfferWhoseDataNobodyHasIsDeclined) {
    for (uint8_t i = 0; i < 3; ++i) add_provider(i);
    ASSERT_TRUE(all_registered(3)) << said();
    auto nowhere = data_ref_;
    nowhere.set_root(std::string(32, '\x09'));
    ASSERT_TRUE(post(small_spec(nowhere, 1, 1)).ok());
    ASSERT_TRUE(all_declined()) << said();
    EXPECT_NE(said().find("declined: its inputs cannot be had in time"), std::string::npos);
    for (uint8_t i = 0; i < 3; ++i) {
        EXPECT_EQ(contracts::get_stake(*state(), operator_at(i))->bonded(), testing::kStake);
        EXPECT_FALSE(contracts::get_provider(*state(), operator_at(i))->suspended());
    }
}

// A fetch that hangs, of an artifact whose source is silent, must cost neither that slot nor
// another.
TEST_F(ProviderAgentTest, AHangingFetchIsDeclinedAndHoldsUpNoOtherSlot) {
    const Hash256 silent = {{9}};
    std::atomic<bool> released{false};
    before_fetch_ = [&](const Hash256& root) {
        while (root == silent && !released)
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
    };
    for (uint8_t i = 0; i < 3; ++i) add_provider(i);
    EXPECT_TRUE(all_registered(3)) << said();
    auto nowhere = data_ref_;
    nowhere.set_root(silent.bytes.data(), silent.bytes.size());
    EXPECT_TRUE(post(small_spec(nowhere, 1, 1)).ok());
    EXPECT_TRUE(all_declined()) << said();
    EXPECT_TRUE(post(small_spec(data_ref_, 1, 1)).ok());
    const auto one_done = [&] {
        const auto jobs = contracts::list_jobs(*state(), {{}, pb::JOB_DONE}, 2, {}).items;
        return jobs.size() == 1;
    };
    EXPECT_TRUE(eventually(one_done)) << said();
    released = true;
    providers_.clear();
}

TEST_F(ProviderAgentTest, AnOfferIsHeldUntilTheDataIsHere) {
    for (uint8_t i = 0; i < 3; ++i) add_provider(i);
    ASSERT_TRUE(all_registered(3)) << said();
    ASSERT_TRUE(blobs_->remove(*hash_from(view_of(data_ref_.root()))).ok());
    ASSERT_TRUE(post(small_spec(data_ref_, 1, 1)).ok());
    ASSERT_TRUE(eventually([&] { return tasks().size() == 1 && tasks()[0].slots_size() == 3; }));
    const auto offered = tasks();
    for (const auto& slot : offered[0].slots()) EXPECT_EQ(slot.state(), pb::SLOT_OFFERED);
    ASSERT_TRUE(blobs_->put_file(data_).ok());
    ASSERT_TRUE(job_done()) << said();
    const auto all = tasks();
    ASSERT_EQ(all[0].slots_size(), 3);
    for (const auto& slot : all[0].slots()) EXPECT_EQ(slot.state(), pb::SLOT_AGREED);
}

TEST_F(ProviderAgentTest, AWrongResultIsOutvotedAndCosts) {
    for (uint8_t i = 0; i < 4; ++i) add_provider(i, i == 0 ? "wrong-result" : "");
    ASSERT_TRUE(all_registered(4)) << said();
    const auto spec = small_spec(data_ref_, 2, 1);
    ASSERT_TRUE(post(spec).ok());
    ASSERT_TRUE(job_done()) << said();
    size_t lies = 0;
    for (const auto& task : tasks()) {
        if (const auto* slot = slot_of(task, operator_at(0))) {
            lies += slot->state() == pb::SLOT_DISSENT;
            EXPECT_NE(slot->state(), pb::SLOT_AGREED);
        }
        if (task.kind() == pb::TASK_TRAIN && task.round() == 0) {
            EXPECT_EQ(output_of(task), expected_output(spec, data_, folder_.path(), task.shard()));
        }
    }
    EXPECT_GE(lies, 1U);
    const auto stake = contracts::get_stake(*state(), operator_at(0));
    ASSERT_TRUE(stake.has_value());
    EXPECT_LT(stake->bonded(), testing::kStake);
    EXPECT_GT(stake->jailed_until_ms(), 0U);
}

TEST_F(ProviderAgentTest, ARestartAtAnyMomentLosesNoSlot) {
    for (uint8_t i = 0; i < 3; ++i) add_provider(i);
    ASSERT_TRUE(all_registered(3)) << said();
    ASSERT_TRUE(post(small_spec(data_ref_, 4, 1)).ok());
    // Restart the agents in turn, a little later in the life of a slot each time.
    int restarts = 0;
    for (int i = 0; i < 40 && only_job().value_or(pb::Job{}).state() != pb::JOB_DONE; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(3 * i));
        add_provider(static_cast<uint8_t>(i % 3));
        ++restarts;
    }
    ASSERT_TRUE(job_done()) << said();
    EXPECT_GE(restarts, 3);
    for (const auto& task : tasks()) {
        ASSERT_EQ(task.slots_size(), 3);  // nobody was replaced
        for (const auto& slot : task.slots()) EXPECT_EQ(slot.state(), pb::SLOT_AGREED);
    }
    for (uint8_t i = 0; i < 3; ++i) {
        EXPECT_EQ(contracts::get_stake(*state(), operator_at(i))->bonded(), testing::kStake);
    }
}

TEST_F(ProviderAgentTest, StatusShowsTheLiveSlots) {
    auto spec = small_spec(data_ref_, 1, 1);
    spec.mutable_plan()->set_local_steps(2'000);
    for (uint8_t i = 0; i < 3; ++i) add_provider(i);
    ASSERT_TRUE(all_registered(3)) << said();
    ASSERT_TRUE(post(spec).ok());
    std::vector<SlotStatus> slots;
    ASSERT_TRUE(eventually([&] {
        slots = providers_.at(0)->agent().slots();
        return !slots.empty() && slots.front().local_step > 0;
    })) << said();
    EXPECT_EQ(slots.front().phase, "training");
    EXPECT_EQ(slots.front().local_steps, 2'000U);
    EXPECT_GT(slots.front().due_ms, 0U);
    EXPECT_EQ(slots.front().task_id.size(), 64U);
}

}  // namespace
}  // namespace assay::node
