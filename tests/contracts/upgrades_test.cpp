// Who decides for new rules, when they begin, and what undoes the decision.
#include "contracts/upgrades.h"

#include <gtest/gtest.h>

#include "contracts/validators.h"
#include "ledger/codec/block.h"
#include "tests/contracts/scenario.h"

namespace assay::test {
namespace {

const Address kOne = named("p1"), kTwo = named("p2"), kThree = named("p3"), kFour = named("p4");
constexpr uint32_t kNow = ledger::kAppVersion;
constexpr uint32_t kNext = kNow + 1;
constexpr uint64_t kDelay = 3;

pb::Params quick_params() {
    pb::Params params = Env::test_params();
    params.set_upgrade_delay_blocks(kDelay);
    return params;
}

void add(Env& env, const Address& who, std::string_view key, uint64_t units) {
    env(bond(who, units * contracts::kPowerUnit));
    env(register_validator(who, key_named(key)));
}

class Upgrades : public ::testing::Test {
protected:
    Upgrades() : env_(quick_params()) {
        add(env_, kOne, "1", 5);
        add(env_, kTwo, "2", 4);
        add(env_, kThree, "3", 3);
        env_.close();
    }
    void expect_versions_until(uint64_t height, uint32_t before, uint32_t from_then) {
        for (; env_.height() < height; env_.close()) EXPECT_EQ(env_.app_version(), before);
        for (int i = 0; i < 3; ++i, env_.close()) EXPECT_EQ(env_.app_version(), from_then);
    }
    Env env_;
};

TEST_F(Upgrades, MoreThanTwoThirdsOfThePowerDecideAndTheDelayPasses) {
    env_(signal_upgrade(kOne, kNext));
    env_(signal_upgrade(kThree, kNext));  // 8 of 12
    EXPECT_EQ(env_.count_events("upgrade.scheduled"), 0U);
    env_.close();
    env_(signal_upgrade(kTwo, kNext));
    const uint64_t height = env_.height() + kDelay;
    EXPECT_EQ(env_.last_event("upgrade.scheduled")->attributes[1].second, std::to_string(height));
    env_.close();
    expect_versions_until(height, kNow, kNext);
    // And the one after it.
    for (const Address& who : {kOne, kTwo}) env_(signal_upgrade(who, kNext + 1));
    expect_versions_until(env_.height() + kDelay, kNext, kNext + 1);
}

TEST_F(Upgrades, RefusalsSayWhy) {
    env_(signal_upgrade(kOne, 0), TxCode::kMalformedPayload);
    env_(signal_upgrade(kFour, kNext), TxCode::kNotFound);
    env_(signal_upgrade(kOne, kNext + 1), TxCode::kWrongState);
    env_(signal_upgrade(kOne, kNow - 1), TxCode::kWrongState);
    env_(signal_upgrade(kOne, kNow));
    env_(signal_upgrade(kOne, kNow), TxCode::kAlreadyExists);
    env_(signal_upgrade(kOne, kNext));
    env_(signal_upgrade(kTwo, kNext));
    env_(signal_upgrade(kOne, kNext), TxCode::kAlreadyExists);
}

TEST_F(Upgrades, SaidAgainASignalHasThePowerCountedAgain) {
    env_(signal_upgrade(kOne, kNext));
    env_(signal_upgrade(kOne, kNext));
    EXPECT_EQ(env_.count_events("upgrade.scheduled"), 0U);
    env_(bond(kOne, 20 * contracts::kPowerUnit));
    env_.close();
    EXPECT_EQ(env_.count_events("upgrade.scheduled"), 0U);
    env_(signal_upgrade(kOne, kNext));  // 25 of 32
    EXPECT_EQ(env_.count_events("upgrade.scheduled"), 1U);
}

TEST_F(Upgrades, ASignalTakenBackUndoesTheDecisionAndNothingElseDoes) {
    env_(signal_upgrade(kOne, kNext));
    env_(signal_upgrade(kTwo, kNext));
    ASSERT_EQ(env_.count_events("upgrade.scheduled"), 1U);
    env_.close();
    // Power comes that has not signalled; a further signal for it must not cancel it.
    env_(bond(kThree, 50 * contracts::kPowerUnit));
    env_.close();
    env_(unbond(kOne, contracts::kPowerUnit));
    env_(signal_upgrade(kTwo, kNow));
    EXPECT_EQ(env_.count_events("upgrade.cancelled"), 1U);
    expect_versions_until(env_.height() + 2 * kDelay, kNow, kNow);
    env_(signal_upgrade(kTwo, kNext));
    EXPECT_EQ(env_.count_events("upgrade.scheduled"), 1U) << "9 of 61";
    env_(signal_upgrade(kThree, kNext));
    EXPECT_EQ(env_.count_events("upgrade.scheduled"), 2U);
    expect_versions_until(env_.height() + kDelay, kNow, kNext);
}

TEST_F(Upgrades, AFurtherSignalKeepsADecisionWhosePowerHasMoved) {
    env_(signal_upgrade(kOne, kNext));
    env_(signal_upgrade(kTwo, kNext));
    env_(bond(kThree, 50 * contracts::kPowerUnit));
    env_(leave_validators(kTwo));
    add(env_, kFour, "4", 2);
    env_.close();
    env_(signal_upgrade(kFour, kNext));
    EXPECT_EQ(env_.count_events("upgrade.cancelled"), 0U);
    expect_versions_until(2 + kDelay, kNow, kNext);
}

TEST(UpgradesAhead, WhoDoesNotOrderBlocksCancelsNothing) {
    pb::Params params = quick_params();
    params.set_upgrade_delay_blocks(50);
    Env env(params);
    add(env, kOne, "1", 5);
    add(env, kTwo, "2", 4);
    add(env, kThree, "3", 3);
    env.close();
    env(signal_upgrade(kOne, kNext));
    env(signal_upgrade(kTwo, kNext));               // 9 of 12
    env(bond(kThree, 50 * contracts::kPowerUnit));  // 9 of 62
    env.close();
    add(env, kFour, "4", 2);
    env.close();
    env(leave_validators(kFour));
    env.close();
    EXPECT_NE(env.submit(signal_upgrade(kFour, kNow)), TxCode::kOk);
    EXPECT_EQ(env.count_events("upgrade.cancelled"), 0U);
    // Nor does a validator that had not signalled.
    env(signal_upgrade(kThree, kNow));
    EXPECT_EQ(env.count_events("upgrade.cancelled"), 0U);
}

TEST(UpgradesByAProducer, ItDecidesAlone) {
    Env env(quick_params());
    env.set_producer(kOne);
    env(signal_upgrade(kTwo, kNext), TxCode::kNotAllowed);
    env(signal_upgrade(kOne, kNow), TxCode::kAlreadyExists);
    env(signal_upgrade(kOne, kNext));
    env(signal_upgrade(kOne, kNext), TxCode::kAlreadyExists);
    env.close();
    env(signal_upgrade(kOne, kNow));
    for (uint64_t i = 0; i < 2 * kDelay; ++i, env.close()) EXPECT_EQ(env.app_version(), kNow);
    env(signal_upgrade(kOne, kNext));
    const uint64_t height = env.height() + kDelay;
    for (; env.height() < height; env.close()) EXPECT_EQ(env.app_version(), kNow);
    EXPECT_EQ(env.app_version(), kNext);
}

}  // namespace
}  // namespace assay::test
