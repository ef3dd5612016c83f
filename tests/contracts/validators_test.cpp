// Validators by stake: who is in the set, with which power, and what voting twice costs.
#include "contracts/validators.h"

#include <gtest/gtest.h>

#include "ledger/codec/canonical.h"
#include "tests/contracts/scenario.h"

namespace assay::test {
namespace {

const Address kOne = named("p1"), kTwo = named("p2"), kThree = named("p3"), kFour = named("p4");
const Bytes kKeyOne = key_named("1"), kKeyTwo = key_named("2"), kKeyThree = key_named("3"),
            kKeyFour = key_named("4");

// What the engine would be told of one key; 0: not in the set.
uint64_t power_of(const Env& env, const Bytes& key) {
    for (const auto& validator : env.validators())
        if (validator.consensus_key == key) return validator.power;
    return 0;
}

void add(Env& env, const Address& who, const Bytes& key, uint64_t units) {
    env(bond(who, units * contracts::kPowerUnit));
    env(register_validator(who, key));
}

TEST(Validators, TheBondIsThePowerFromTheEndOfTheBlock) {
    Env env;
    EXPECT_TRUE(env.validators().empty());
    add(env, kOne, kKeyOne, 5);
    EXPECT_EQ(power_of(env, kKeyOne), 0U) << "the block is open";
    env.close();
    EXPECT_EQ(power_of(env, kKeyOne), 5U);
    env(bond(kOne, contracts::kPowerUnit + contracts::kPowerUnit / 2));
    env.close();
    EXPECT_EQ(power_of(env, kKeyOne), 6U) << "whole units";
    add(env, kTwo, kKeyTwo, 4);
    env(unbond(kOne, 3 * contracts::kPowerUnit));
    env.close();
    EXPECT_EQ(power_of(env, kKeyOne), 3U);
    EXPECT_EQ(power_of(env, kKeyTwo), 4U);
    EXPECT_EQ(env.last_event("validator.set")->attributes[1].second, "7");
}

TEST(Validators, RefusalsSayWhy) {
    Env env;
    env(register_validator(kOne, kKeyOne), TxCode::kNotFound);
    env(bond(kOne, contracts::kPowerUnit));
    env(register_validator(kOne, kKeyOne), TxCode::kStakeTooSmall);
    env(bond(kOne, contracts::kPowerUnit));
    env(register_validator(kOne, Bytes(31)), TxCode::kMalformedPayload);
    env(leave_validators(kOne), TxCode::kNotFound);
    env(register_validator(kOne, kKeyOne));
    env(register_validator(kOne, kKeyOne), TxCode::kAlreadyExists);
    env(bond(kTwo, 2 * contracts::kPowerUnit));
    env(register_validator(kTwo, kKeyOne), TxCode::kAlreadyExists);
    env(leave_validators(kOne));
    env(register_validator(kTwo, kKeyOne), TxCode::kAlreadyExists);
    env(register_validator(kOne, kKeyOne));
}

TEST(Validators, TheStrongestAreInAndTheNextMovesUp) {
    Env env;  // at most three
    add(env, kOne, kKeyOne, 5);
    add(env, kTwo, kKeyTwo, 4);
    add(env, kThree, kKeyThree, 3);
    add(env, kFour, kKeyFour, 2);
    env.close();
    EXPECT_EQ(env.validators().size(), 3U);
    EXPECT_EQ(power_of(env, kKeyFour), 0U);
    env(leave_validators(kTwo));
    env.close();
    EXPECT_EQ(power_of(env, kKeyTwo), 0U);
    EXPECT_EQ(power_of(env, kKeyFour), 2U);
    env(unbond(kThree, 3 * contracts::kPowerUnit / 2));
    env.close();
    EXPECT_EQ(power_of(env, kKeyThree), 0U) << "below the minimum";
    EXPECT_EQ(env.validators().size(), 2U);
    const auto set = env.validators();
    EXPECT_LT(set[0].consensus_key, set[1].consensus_key);
}

TEST(Validators, ANewKeyTakesTheOldOnesPlace) {
    Env env;
    add(env, kOne, kKeyOne, 5);
    env.close();
    env(register_validator(kOne, kKeyTwo));
    env.close();
    EXPECT_EQ(power_of(env, kKeyOne), 0U);
    EXPECT_EQ(power_of(env, kKeyTwo), 5U);
}

TEST(Validators, TheLastOneKeepsOrderingBlocks) {
    Env env;
    add(env, kOne, kKeyOne, 5);
    env.close();
    env(leave_validators(kOne));
    env.close();
    EXPECT_EQ(power_of(env, kKeyOne), 5U) << "an empty set could decide nothing any more";
    add(env, kTwo, kKeyTwo, 2);
    env.close();
    EXPECT_EQ(power_of(env, kKeyOne), 0U);
    EXPECT_EQ(power_of(env, kKeyTwo), 2U);
}

TEST(Validators, VotingTwiceBurnsStakeAndEndsIt) {
    Env env;  // 50 of 1000
    add(env, kOne, kKeyOne, 10);
    add(env, kTwo, kKeyTwo, 5);
    env(unbond(kOne, 2 * contracts::kPowerUnit));
    env.close();
    const auto supply = contracts::get_totals(env.view()).supply();
    env.report_double_vote(kKeyOne);
    env.report_double_vote(kKeyOne);
    env.close();
    const uint64_t due = 10 * contracts::kPowerUnit * 50 / 1000;
    EXPECT_EQ(env.stake(kOne).bonded(), 8 * contracts::kPowerUnit - due);
    EXPECT_EQ(env.stake(kOne).slashed_total(), due) << "once, though it was told twice";
    EXPECT_EQ(contracts::get_totals(env.view()).supply(), supply - due);
    EXPECT_EQ(power_of(env, kKeyOne), 0U);
    EXPECT_EQ(power_of(env, kKeyTwo), 5U);
    EXPECT_EQ(env.count_events("validator.double_vote"), 2U);
    env(register_validator(kOne, kKeyThree), TxCode::kNotAllowed);
}

TEST(Validators, StakeThatIsLeavingPaysToo) {
    Env env;
    add(env, kOne, kKeyOne, 4);
    add(env, kTwo, kKeyTwo, 4);
    env.close();
    env(unbond(kOne, 4 * contracts::kPowerUnit));
    env.close();
    env.report_double_vote(kKeyOne);  // found later than it left
    env.close();
    const uint64_t due = 4 * contracts::kPowerUnit * 50 / 1000;
    EXPECT_EQ(env.stake(kOne).unbonding(0).amount(), 4 * contracts::kPowerUnit - due);
    env.wait(11'000);
    EXPECT_EQ(env.stake(kOne).unbonding_size(), 0);
    env.report_double_vote(key_named("nobody's"));
    env.close();
    EXPECT_EQ(env.last_event("validator.double_vote")->attributes[3].second, "0");
}

pb::GenesisValidator genesis_validator(const Address& who, const Bytes& key, uint64_t power) {
    pb::GenesisValidator validator;
    validator.set_consensus_key(std::string(text_of(key)));
    validator.set_power(power);
    validator.set_operator_(std::string(text_of(who.view())));
    return validator;
}

TEST(Validators, ThoseOfTheGenesisHaveBonds) {
    Env env(Env::test_params(),
            {genesis_validator(kOne, kKeyOne, 7), genesis_validator(kTwo, kKeyTwo, 2)});
    EXPECT_EQ(power_of(env, kKeyOne), 7U);
    EXPECT_EQ(power_of(env, kKeyTwo), 2U);
    EXPECT_EQ(env.stake(kOne).bonded(), 7 * contracts::kPowerUnit);
    env.require(balance(kOne, kGenesisBalance));
    env.report_double_vote(kKeyTwo);
    env.close();
    EXPECT_EQ(env.validators().size(), 1U);

    const auto refused = [](const std::vector<pb::GenesisValidator>& validators) {
        pb::Genesis genesis;
        const auto params = ledger::encode_message(Env::test_params());
        genesis.set_params(std::string(text_of(params)));
        for (const auto& validator : validators) *genesis.add_validators() = validator;
        MemoryView empty;
        ledger::State state(empty);
        const Status status = contracts::ContractRules().init_genesis(genesis, state);
        return status.ok() ? "" : status.error().message;
    };
    EXPECT_NE(refused({genesis_validator(kOne, kKeyOne, 1)}).find("validators[0].power"),
              std::string::npos);
    EXPECT_NE(refused({genesis_validator(kOne, kKeyOne, 3), genesis_validator(kOne, kKeyTwo, 3)})
                  .find("validators[1].operator"),
              std::string::npos);
    EXPECT_NE(
        refused({genesis_validator(kOne, kKeyOne, 3), genesis_validator(kTwo, kKeyTwo, 3),
                 genesis_validator(kThree, kKeyThree, 3), genesis_validator(kFour, kKeyFour, 3)})
            .find("max_validators"),
        std::string::npos);
}

}  // namespace
}  // namespace assay::test
