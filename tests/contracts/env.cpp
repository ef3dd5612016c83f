#include "tests/contracts/env.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "contracts/event_types.h"
#include "contracts/limits.h"
#include "contracts/params.h"
#include "ledger/codec/canonical.h"
#include "ledger/crypto/ed25519.h"
#include "ledger/crypto/hash.h"
#include "ledger/state/app_hash.h"
#include "ledger/state/merkle_hash.h"
#include "ledger/state/tree.h"

namespace assay::test {
namespace {

constexpr uint64_t kGenesisTimeMs = 1'700'000'000'000;

std::string raw(const Address& address) {
    return std::string(text_of(address.view()));
}
std::string raw(const Hash256& hash) {
    return std::string(text_of(hash.view()));
}

template <typename Message>
Tx make(const Address& sender, TxType type, const Message& message) {
    return {sender, type, std::string(text_of(ledger::encode_message(message))), kFee, {}};
}

pb::ArtifactRef artifact(std::string_view text) {
    pb::ArtifactRef ref;
    ref.set_root(raw(ledger::tagged_hash("test/artifact", view_of(text))));
    ref.set_size(1024);
    return ref;
}

}  // namespace

Address named(std::string_view name) {
    const Hash256 hash = ledger::tagged_hash("test/account", view_of(name));
    return *Address::from(hash.view().first(20));
}

pb::Params Env::test_params() {
    pb::Params params = contracts::default_params();
    params.set_min_stake(kMinStake);
    params.set_slash_burn_permille(500);
    params.set_min_stake_age_ms(1);
    params.set_jail_ms(5'000);
    params.set_unbond_delay_ms(10'000);
    params.set_min_validator_stake(2 * kMinStake);
    params.set_max_validators(3);
    return params;
}

Env::Env(const pb::Params& params, const std::vector<pb::GenesisValidator>& validators,
         uint32_t version)
    : first_version_(version) {
    pb::Genesis genesis;
    genesis.set_chain_id(kChain);
    genesis.set_time_ms(kGenesisTimeMs);
    genesis.set_params(std::string(text_of(ledger::encode_message(params))));
    for (const char* name :
         {"alice", "bob", "carol", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8"}) {
        pb::GenesisAccount& account = *genesis.add_accounts();
        account.set_address(raw(named(name)));
        account.set_balance(kGenesisBalance);
    }
    for (const pb::GenesisValidator& validator : validators) *genesis.add_validators() = validator;
    params_hash_ = ledger::genesis_hash(genesis);
    ledger::State state(committed_);
    const Status status = rules_.init_genesis(genesis, state);
    EXPECT_TRUE(status.ok()) << status.error().message;
    committed_.commit(state.changes());
    EXPECT_EQ(broken_state(), std::nullopt);
    open_block(kGenesisTimeMs + 200);
}

void Env::open_block(uint64_t time_ms) {
    info_.chain_id = kChain;
    info_.previous_ms = info_.height == 0 ? 0 : info_.time_ms;
    info_.height += 1;
    info_.time_ms = time_ms;
    info_.misbehavior.clear();
    block_events_ = 0;
    info_.app_version = rules_.upgraded_version(committed_, info_.height).value_or(first_version_);
    Bytes seed;
    append_be64(seed, info_.height);
    info_.beacon = ledger::tagged_hash("test/beacon", seed);
    block_ = std::make_unique<ledger::State>(committed_);
}

void Env::absorb(ledger::Events& events) {
    for (auto& event : events) {
        std::string keys;
        for (const auto& [key, value] : event.attributes) keys += (keys.empty() ? "" : ",") + key;
        const auto* info = contracts::find_event(event.type);
        EXPECT_EQ(info == nullptr ? "not in kEvents" : info->attributes, keys) << event.type;
        pb::Event logged;
        logged.set_height(info_.height);
        logged.set_index(block_events_++);
        logged.set_type(event.type);
        for (const auto& [key, value] : event.attributes) {
            logged.add_attributes()->set_key(key);
            logged.mutable_attributes()->rbegin()->set_value(value);
        }
        ledger::LogEdge::Written ignored;
        log_.append(ledger::log_leaf_hash(ledger::encode_message(logged)), ignored);
        events_.push_back(std::move(event));
    }
}

TxCode Env::submit(const Tx& tx) {
    ledger::CheckedTx checked;
    checked.sender = tx.sender;
    checked.body.set_chain_id(kChain);
    checked.body.set_nonce(tx.nonce ? *tx.nonce : rules_.next_nonce(tx.sender, *block_));
    checked.body.set_expiry_height(info_.height + 100);
    checked.body.set_fee(tx.fee);
    checked.body.set_type(static_cast<uint32_t>(tx.type));
    checked.body.set_payload(tx.payload);
    why_.clear();
    if (const TxCode code = rules_.preflight(checked, info_.app_version, why_); code != TxCode::kOk)
        return code;
    if (const TxCode code = rules_.preclaim(checked, *block_); code != TxCode::kOk) return code;
    ledger::State own(*block_);
    ledger::Events events;
    const ledger::TxOutcome outcome = rules_.apply(checked, info_, own, events);
    if (!ledger::is_included(outcome.code)) {
        EXPECT_TRUE(own.changes().empty());
        return outcome.code;
    }
    EXPECT_EQ(outcome.fee_charged, tx.fee);
    EXPECT_EQ(rules_.next_nonce(tx.sender, own), checked.body.nonce() + 1);
    if (outcome.code != TxCode::kOk) {
        EXPECT_TRUE(events.empty());
        EXPECT_EQ(own.changes().size(), 2U);  // the account and the totals
    }
    const auto broken = rules_.broken_invariant(own);
    EXPECT_EQ(broken, std::nullopt) << *broken;
    block_->merge(own.changes());
    absorb(events);
    return outcome.code;
}

TxCode Env::operator()(const Tx& tx, TxCode expected) {
    const TxCode code = submit(tx);
    EXPECT_EQ(ledger::tx_code_name(code), ledger::tx_code_name(expected));
    return code;
}

void Env::close(uint64_t ms) {
    ledger::State end(*block_);
    ledger::Events events;
    rules_.end_block(info_, end, events);
    auto broken = rules_.broken_invariant(end);
    EXPECT_EQ(broken, std::nullopt) << *broken;
    block_->merge(end.changes());
    broken = rules_.broken_invariant(*block_);
    EXPECT_EQ(broken, std::nullopt) << *broken;
    absorb(events);
    committed_.commit(block_->changes());
    open_block(info_.time_ms + ms);
}

void Env::report_double_vote(const Bytes& consensus_key) {
    const auto address = ledger::ed25519_address(consensus_key);
    info_.misbehavior.push_back({Bytes(address.begin(), address.end()), info_.height - 1});
}

std::vector<ledger::ValidatorPower> Env::validators() const {
    return rules_.validators(*block_);
}

void Env::pass(uint64_t ms) {
    const uint64_t count =
        std::max(contracts::kMinWindowBlocks, ms / (contracts::kLongSilenceMs / 2) + 1);
    const uint64_t step = ms / count;
    close(ms - (count - 1) * step);
    for (uint64_t i = 1; i < count; ++i) close(step);
}

size_t Env::count_events(std::string_view type) const {
    size_t count = 0;
    for (const auto& event : events_) count += event.type == type ? 1 : 0;
    return count;
}

const ledger::PendingEvent* Env::last_event(std::string_view type) const {
    for (auto it = events_.rbegin(); it != events_.rend(); ++it)
        if (it->type == type) return &*it;
    return nullptr;
}

std::optional<std::string> Env::broken_state() const {
    return rules_.broken_global_invariant(committed_);
}

Hash256 Env::app_hash() const {
    std::vector<ledger::LeafChange> leaves;
    for (const auto& [key, value] : committed_.entries())
        leaves.push_back({ledger::sha256(key), ledger::sha256(value)});
    std::sort(leaves.begin(), leaves.end(),
              [](const auto& a, const auto& b) { return a.key_hash < b.key_hash; });
    return ledger::app_hash_of(
        {ledger::tree_root_of(leaves), log_.root(), log_.size(), params_hash_});
}

pb::Job Env::job(const Hash256& id) const {
    return contracts::get_job(view(), id.view()).value();
}
pb::Task Env::task(const Hash256& id) const {
    return contracts::get_task(view(), id.view()).value();
}
pb::Stake Env::stake(const Address& owner) const {
    return contracts::get_stake(view(), owner).value();
}
pb::Provider Env::provider(const Address& owner) const {
    return contracts::get_provider(view(), owner).value();
}

// ---- transactions

Tx pay(const Address& from, const Address& to, uint64_t amount) {
    pb::Transfer message;
    message.set_to(raw(to));
    message.set_amount(amount);
    return make(from, TxType::kTransfer, message);
}
Tx bond(const Address& who, uint64_t amount) {
    pb::StakeBond message;
    message.set_amount(amount);
    return make(who, TxType::kStakeBond, message);
}
Tx unbond(const Address& who, uint64_t amount) {
    pb::StakeUnbond message;
    message.set_amount(amount);
    return make(who, TxType::kStakeUnbond, message);
}
Bytes key_named(std::string_view name) {
    return bytes_of(ledger::tagged_hash("test/consensus-key", view_of(name)).view());
}
Tx register_validator(const Address& who, const Bytes& consensus_key) {
    pb::ValidatorRegister message;
    message.set_consensus_key(std::string(text_of(consensus_key)));
    return make(who, TxType::kValidatorRegister, message);
}
Tx leave_validators(const Address& who) {
    return make(who, TxType::kValidatorLeave, pb::ValidatorLeave());
}
Tx signal_upgrade(const Address& who, uint32_t version) {
    pb::UpgradeSignal message;
    message.set_version(version);
    return make(who, TxType::kUpgradeSignal, message);
}
Tx unjail(const Address& who) {
    return make(who, TxType::kStakeUnjail, pb::StakeUnjail());
}
Tx register_provider(const Address& who, const ProviderOptions& options) {
    pb::ProviderRegister message;
    message.set_moniker("node");
    message.set_endpoint("127.0.0.1:7000");
    message.set_price_floor(options.price_floor);
    message.set_capacity(options.capacity);
    message.mutable_sample()->set_score(options.score);
    message.mutable_sample()->set_memory_mb(options.memory_mb);
    message.mutable_sample()->set_backend("portable");
    message.mutable_sample()->set_device("test");
    return make(who, TxType::kProviderRegister, message);
}
Tx update_provider(const Address& who, bool active, uint32_t capacity) {
    pb::ProviderUpdate message;
    message.set_active(active);
    message.set_capacity(capacity);
    return make(who, TxType::kProviderUpdate, message);
}
Tx post_job(const Address& who, const pb::JobSpec& spec, uint64_t escrow) {
    pb::JobPost message;
    *message.mutable_spec() = spec;
    message.set_escrow(escrow);
    return make(who, TxType::kJobPost, message);
}
Tx cancel_job(const Address& who, const Hash256& job) {
    pb::JobCancel message;
    message.set_job_id(raw(job));
    return make(who, TxType::kJobCancel, message);
}
Tx top_up(const Address& who, const Hash256& job, uint64_t amount) {
    pb::JobTopUp message;
    message.set_job_id(raw(job));
    message.set_amount(amount);
    return make(who, TxType::kJobTopUp, message);
}
Tx accept(const Address& who, const Hash256& task) {
    pb::TaskAccept message;
    message.set_task_id(raw(task));
    return make(who, TxType::kTaskAccept, message);
}
Tx decline(const Address& who, const Hash256& task) {
    pb::TaskDecline message;
    message.set_task_id(raw(task));
    return make(who, TxType::kTaskDecline, message);
}
Tx commit_raw(const Address& who, const Hash256& task, const Hash256& commitment) {
    pb::TaskCommit message;
    message.set_task_id(raw(task));
    message.set_commitment(raw(commitment));
    return make(who, TxType::kTaskCommit, message);
}
Tx commit(const Address& who, const Hash256& task, const TaskResult& result) {
    return commit_raw(who, task,
                      contracts::commitment(kChain, task.view(), who, result, salt_of(who, task)));
}
Tx reveal(const Address& who, const Hash256& task, const TaskResult& result) {
    pb::TaskReveal message;
    message.set_task_id(raw(task));
    if (!result.diverged) {
        *message.mutable_output() = result.output;
        *message.mutable_trace() = result.trace;
    }
    message.set_diverged(result.diverged);
    message.set_fault_step(result.fault_step);
    message.set_salt(std::string(text_of(salt_of(who, task))));
    return make(who, TxType::kTaskReveal, message);
}
Tx crank(const Address& who, const Hash256& task) {
    pb::TaskCrank message;
    message.set_task_id(raw(task));
    return make(who, TxType::kTaskCrank, message);
}

// ---- material

pb::JobSpec tiny_job(uint32_t rounds, uint32_t shards) {
    compute::JobConfig config;
    config.model = compute::MlpConfig{4, {4}, 2};
    config.optimizer.lr_nano = 1'000'000;
    config.plan.rounds = rounds;
    config.plan.shards = shards;
    config.plan.batch = 2;
    pb::JobSpec spec;
    contracts::from_job_config(config, spec);
    spec.set_name("tiny");
    *spec.mutable_data() = artifact("data");
    spec.mutable_terms()->set_replicas(3);
    spec.mutable_terms()->set_price_ceiling(1'000);
    spec.mutable_terms()->set_deadline_ms(3'600'000);
    return spec;
}

uint64_t escrow_of(const pb::JobSpec& spec) {
    const uint64_t rounds = spec.plan().rounds();
    const uint64_t tasks =
        rounds * spec.plan().shards() + (contracts::needs_aggregation(spec.plan()) ? rounds : 0);
    return tasks * 5 * spec.terms().price_ceiling();
}

Hash256 job_of(const Address& requester, uint64_t nonce) {
    return contracts::job_id(kChain, requester, nonce);
}
Hash256 train_task(const Hash256& job, uint32_t round, uint32_t shard) {
    return contracts::task_id(job.view(), pb::TASK_TRAIN, round, shard);
}
Hash256 aggregate_task(const Hash256& job, uint32_t round) {
    return contracts::task_id(job.view(), pb::TASK_AGGREGATE, round, 0);
}
TaskResult result_named(std::string_view text) {
    const std::string name(text);
    return {artifact("output " + name), artifact("trace " + name), false, 0};
}
TaskResult diverged_at(uint32_t step) {
    return {{}, {}, true, step};
}
Bytes salt_of(const Address& who, const Hash256& task) {
    return bytes_of(ledger::tagged_hash("test/salt", {who.view(), task.view()}).view());
}

// ---- requirements

Requirement balance(const Address& who, uint64_t amount) {
    return [=](const Env& env) {
        EXPECT_EQ(contracts::get_account(env.view(), who).balance(), amount);
    };
}
Requirement bonded(const Address& who, uint64_t amount) {
    return [=](const Env& env) { EXPECT_EQ(env.stake(who).bonded(), amount); };
}
Requirement locked(const Address& who, uint64_t amount) {
    return [=](const Env& env) { EXPECT_EQ(env.stake(who).locked(), amount); };
}
Requirement task_state(const Hash256& task, pb::TaskState state) {
    return [=](const Env& env) {
        EXPECT_EQ(pb::TaskState_Name(env.task(task).state()), pb::TaskState_Name(state));
    };
}
Requirement job_state(const Hash256& job, pb::JobState state) {
    return [=](const Env& env) {
        EXPECT_EQ(pb::JobState_Name(env.job(job).state()), pb::JobState_Name(state));
    };
}
Requirement slot_state(const Hash256& task, const Address& who, pb::SlotState state) {
    return [=](const Env& env) {
        const pb::Task found = env.task(task);
        for (const pb::Slot& slot : found.slots()) {
            if (slot.operator_() != raw(who)) continue;
            EXPECT_EQ(pb::SlotState_Name(slot.state()), pb::SlotState_Name(state));
            return;
        }
        ADD_FAILURE() << "no slot of this operator";
    };
}

}  // namespace assay::test
