// Random legal and illegal transactions never break a law.
//
// Each sequence drives a fresh chain; a model of nothing but "what might be legal next" picks most
// transactions, the rest are nonsense. Env checks the laws after every transaction and block; at
// the end of a sequence the laws over the whole state. The digest over the app hashes of all
// sequences depends on the seeds alone: `contracts_property_test --digest` prints it, so that two
// builds can be compared.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstring>

#include "ledger/crypto/hash.h"
#include "tests/contracts/scenario.h"

namespace assay::test {
namespace {

constexpr size_t kSequences = 200;
constexpr size_t kStepsPerSequence = 520;

class Random {  // splitmix64: the same numbers on every platform
public:
    explicit Random(uint64_t seed) : state_(seed) {}
    uint64_t next() {
        state_ += 0x9E3779B97F4A7C15ULL;
        uint64_t z = state_;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
        return z ^ (z >> 31);
    }
    uint64_t below(uint64_t bound) { return next() % bound; }
    bool chance(uint64_t percent) { return below(100) < percent; }

private:
    uint64_t state_;
};

class Player {
public:
    Player(uint64_t seed, uint32_t version)
        : random_(seed), version_(version), env_(strict_params(), {}, version) {
        for (int i = 1; i <= 8; ++i) {
            operators_.push_back(named("p" + std::to_string(i)));
            if (i == 8) continue;  // stays outside until a random bond
            env_(bond(operators_.back(), kMinStake + random_.below(20) * kMinStake));
            env_(register_provider(operators_.back(), {.price_floor = 50 + random_.below(900),
                                                       .capacity = 2,
                                                       .score = 200 + random_.below(2'000)}));
        }
        people_ = operators_;
        for (const char* name : {"alice", "bob", "carol"}) people_.push_back(named(name));
        env_.close();
    }

    void play(size_t steps) {
        for (size_t i = 0; i < steps; ++i) {
            if (random_.chance(18)) env_.close(block_time());
            if (random_.chance(1) && random_.chance(20)) env_.report_double_vote(any_key());
            const TxCode code = env_.submit(choose());
            ++transactions_;
            accepted_ += code == TxCode::kOk ? 1 : 0;
            included_ += ledger::is_included(code) ? 1 : 0;
        }
        env_.close();
    }

    [[nodiscard]] const Env& env() const { return env_; }
    [[nodiscard]] size_t transactions() const { return transactions_; }
    [[nodiscard]] size_t accepted() const { return accepted_; }
    [[nodiscard]] size_t included() const { return included_; }

private:
    static pb::Params strict_params() {
        pb::Params params = Env::test_params();
        params.set_tombstone_after(2);
        return params;
    }
    uint64_t block_time() {
        constexpr uint64_t kLong[] = {4'000, 11'000, 31'000, 62'000, 62'000, 700'000};
        if (random_.chance(6)) return kLong[random_.below(std::size(kLong))];
        return random_.chance(20) ? 1'000 : 200;
    }
    const Address& anyone() { return people_[random_.below(people_.size())]; }
    Bytes any_key() { return key_named(std::to_string(random_.below(12))); }
    const Address& any_operator() { return operators_[random_.below(operators_.size())]; }

    Tx choose() {
        const uint64_t pick = random_.below(100);
        if (pick < 78 && !jobs_.empty()) return task_transaction();
        if (pick < 86) return job_transaction();
        if (pick < 97) return account_transaction();
        return nonsense();
    }

    Tx account_transaction() {
        const Address who = any_operator();
        const auto provider = contracts::get_provider(env_.view(), who);
        const auto stake = contracts::get_stake(env_.view(), who);
        const bool idle = provider && (provider->suspended() || !provider->active());
        if (idle && random_.chance(80)) return update_provider(who, true);
        if (stake && stake->jailed_until_ms() != 0 && random_.chance(80)) return unjail(who);
        switch (random_.below(9)) {
            case 0: {
                // One draw a statement: the order of arguments is the compiler's choice.
                const Address from = anyone();
                const Address to = anyone();
                return pay(from, to, random_.below(1'000'000));
            }
            case 1:
                return bond(who, random_.below(5 * kMinStake));
            case 2:
                return unbond(who, 1 + random_.below(4 * kMinStake));
            case 3:
                return unjail(who);
            case 4:
                return register_provider(who, {.price_floor = 50 + random_.below(1'000)});
            case 5:
                return register_validator(who, any_key());
            case 6:
                if (random_.chance(30)) return leave_validators(who);
                if (random_.chance(30))
                    return signal_upgrade(who, version_ + static_cast<uint32_t>(random_.below(2)));
                return bond(who, random_.below(5 * kMinStake));
            default: {
                const bool active = random_.chance(92);
                return update_provider(who, active, 1 + static_cast<uint32_t>(random_.below(3)));
            }
        }
    }

    Tx job_transaction() {
        const Address who = named(random_.chance(50) ? "alice" : "bob");
        if (!jobs_.empty() && random_.chance(25)) {
            const Hash256 job = jobs_[random_.below(jobs_.size())];
            return random_.chance(40) ? cancel_job(who, job) : top_up(who, job, random_.below(500));
        }
        const auto rounds = 1 + static_cast<uint32_t>(random_.below(3));
        pb::JobSpec spec = tiny_job(rounds, 1 + static_cast<uint32_t>(random_.below(2)));
        spec.mutable_terms()->set_replicas(3 + static_cast<uint32_t>(random_.below(3)));
        spec.mutable_terms()->set_priority(static_cast<uint32_t>(random_.below(3)));
        if (random_.chance(20)) spec.mutable_terms()->set_deadline_ms(20'000);
        const uint64_t nonce = contracts::get_account(env_.view(), who).nonce();
        jobs_.push_back(job_of(who, nonce));
        if (jobs_.size() > 6) jobs_.erase(jobs_.begin());
        return post_job(who, spec, escrow_of(spec) - (random_.chance(5) ? 1 : 0));
    }

    static bool can_act(const pb::Task& task, int index) {
        const pb::SlotState state = task.slots(index).state();
        return state == pb::SLOT_OFFERED || state == pb::SLOT_ACCEPTED ||
               (state == pb::SLOT_COMMITTED && task.state() == pb::TASK_COMMITTED);
    }

    // Mostly what the slot's owner would send now, with mostly honest results.
    Tx task_transaction() {
        const Hash256 job = jobs_[random_.below(jobs_.size())];
        const auto found = contracts::get_job(env_.view(), job.view());
        Hash256 task = train_task(job);
        if (found && found->open_tasks_size() > 0) {
            const auto index = random_.below(static_cast<uint64_t>(found->open_tasks_size()));
            task = *hash_from(view_of(found->open_tasks(static_cast<int>(index))));
        }
        const auto object = contracts::get_task(env_.view(), task.view());
        if (!object || object->slots_size() == 0) return account_transaction();
        if (random_.chance(8)) {
            const Address stranger = any_operator();
            return task_message(stranger, task, random_.below(5));
        }
        int index = static_cast<int>(random_.below(static_cast<uint64_t>(object->slots_size())));
        for (int i = 0; i < object->slots_size() && !can_act(*object, index); ++i)
            index = (index + 1) % object->slots_size();
        const pb::Slot& slot = object->slots(index);
        const Address op = *Address::from(slot.operator_());
        if (slot.state() == pb::SLOT_OFFERED)
            return task_message(op, task, random_.chance(90) ? 0 : 1);
        if (slot.state() == pb::SLOT_ACCEPTED) return task_message(op, task, 2);
        if (slot.state() == pb::SLOT_COMMITTED) return task_message(op, task, 3);
        return random_.chance(60) ? account_transaction()
                                  : task_message(op, task, random_.below(5));
    }

    Tx task_message(const Address& op, const Hash256& task, uint64_t kind) {
        switch (kind) {
            case 0:
                return accept(op, task);
            case 1:
                return decline(op, task);
            case 2:
                return commit(op, task, result_of(op, task));
            case 3:
                return reveal(op, task, result_of(op, task));
            default:
                return crank(op, task);
        }
    }

    // A function of operator and task, so that a reveal fits its commit.
    static TaskResult result_of(const Address& op, const Hash256& task) {
        const Hash256 luck = ledger::tagged_hash("test/luck", {op.view(), task.view()});
        if (task.bytes[0] < 12) return diverged_at(3);
        if (luck.bytes[0] < 20) return result_named("wrong");
        if (luck.bytes[0] < 40) return result_named(to_hex(op.view()));
        return result_named(to_hex(task.view()));
    }

    Tx nonsense() {
        Tx tx{anyone(), static_cast<TxType>(random_.below(50)), "", random_.below(2 * kFee), {}};
        if (random_.chance(30)) tx.nonce = random_.below(200);
        const uint64_t size = random_.below(80);
        for (uint64_t i = 0; i < size; ++i) tx.payload.push_back(static_cast<char>(random_.next()));
        return tx;
    }

    Random random_;
    uint32_t version_;  // of the rules that the chain begins with
    Env env_;
    std::vector<Address> operators_, people_;
    std::vector<Hash256> jobs_;
    size_t transactions_ = 0, accepted_ = 0, included_ = 0;
};

struct Summary {
    size_t transactions = 0, accepted = 0, included = 0;
    std::map<std::string, size_t> events;
    Hash256 digest;
};

Summary play_all(size_t sequences, uint32_t version = ledger::kAppVersion) {
    Summary summary;
    for (size_t seed = 1; seed <= sequences; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Player player(seed, version);
        player.play(kStepsPerSequence);
        EXPECT_EQ(player.env().broken_state(), std::nullopt);
        summary.transactions += player.transactions();
        summary.accepted += player.accepted();
        summary.included += player.included();
        for (const auto& event : player.env().events()) ++summary.events[event.type];
        summary.digest = ledger::tagged_hash(
            "test/digest", {summary.digest.view(), player.env().app_hash().view()});
        if (testing::Test::HasFailure()) break;  // the first broken seed says enough
    }
    return summary;
}

TEST(Property, RandomSequencesBreakNoLaw) {
    const Summary summary = play_all(kSequences);
    EXPECT_GE(summary.transactions, 100'000U);
    // The walk reaches every kind of ending, or it proves little.
    EXPECT_GT(summary.accepted, summary.transactions / 4);
    EXPECT_LT(summary.accepted, summary.included);
    for (const char* type :
         {"job.done", "job.failed", "job.cancelled", "job.checkpoint", "task.escalated",
          "task.undecided", "task.expired", "task.final", "task.declined", "task.not_accepted",
          "stake.slashed", "stake.released", "provider.jailed", "provider.suspended",
          "provider.tombstoned", "payment", "refund"}) {
        EXPECT_GT(summary.events.contains(type) ? summary.events.at(type) : 0, 0U) << type;
    }
    std::printf("%zu transactions, %zu included, %zu applied; digest %s\n", summary.transactions,
                summary.included, summary.accepted, to_hex(summary.digest).c_str());
}

// What the last release that knew no other rules printed for --digest. Another value means another
// app hash on chains that exist; only other sequences above may move it.
TEST(Property, TheRulesOfVersion2AreAsTheyWere) {
    EXPECT_EQ(to_hex(play_all(kSequences, 2).digest),
              "d1573b72dbadeaf9753215df3624f3abaf79a018f529a4b1e91927cc16ccc02b");
}

TEST(Property, SameSeedSameState) {
    EXPECT_EQ(to_hex(play_all(2).digest), to_hex(play_all(2).digest));
}

}  // namespace

// The digest alone, for tools.
std::string property_digest() {
    return to_hex(play_all(kSequences).digest);
}

}  // namespace assay::test

int main(int argc, char** argv) {
    testing::InitGoogleTest(&argc, argv);
    if (argc == 2 && std::strcmp(argv[1], "--digest") == 0) {
        std::printf("%s\n", assay::test::property_digest().c_str());
        return 0;
    }
    return RUN_ALL_TESTS();
}
