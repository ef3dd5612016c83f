#include "node/cli/bench_tasks.h"

#include "contracts/job_spec.h"
#include "contracts/limits.h"
#include "contracts/params.h"
#include "contracts/queries.h"
#include "ledger/codec/canonical.h"
#include "ledger/crypto/hash.h"

namespace assay::node {
namespace {

constexpr uint64_t kPrice = 1'000;
constexpr uint32_t kShards = 16;
constexpr uint32_t kJobsPerBlock = 7;  // 7 * (16 + 1) tasks of 3 replicas: 1,071 transactions
constexpr uint64_t kBond = 100'000'000'000;

std::string raw(const Hash256& hash) {
    return std::string(text_of(hash.view()));
}

pb::ArtifactRef artifact_named(std::string_view name, ByteView id) {
    pb::ArtifactRef artifact;
    artifact.set_root(raw(ledger::tagged_hash(name, id)));
    artifact.set_size(1'000);
    return artifact;
}

// Every replica finds the same.
contracts::TaskResult result_of_task(const pb::Task& task) {
    return {artifact_named("assay bench output", view_of(task.id())),
            artifact_named("assay bench trace", view_of(task.id())), false, 0};
}

Hash256 salt_of(const ledger::Address& provider, const pb::Task& task) {
    return ledger::tagged_hash("assay bench salt", {provider.view(), view_of(task.id())});
}

pb::JobSpec small_job() {
    compute::JobConfig config;
    config.model = compute::MlpConfig{4, {4}, 2};
    config.optimizer.lr_nano = 1'000'000;
    config.plan.rounds = 1;
    config.plan.shards = kShards;
    config.plan.batch = 2;
    pb::JobSpec spec;
    contracts::from_job_config(config, spec);
    spec.set_name("bench");
    *spec.mutable_data() = artifact_named("assay bench data", {});
    spec.mutable_terms()->set_replicas(3);
    spec.mutable_terms()->set_price_ceiling(kPrice);
    spec.mutable_terms()->set_deadline_ms(3'600'000);
    return spec;
}

}  // namespace

pb::Params TaskTraffic::params() {
    pb::Params params = contracts::default_params();
    params.set_min_stake_age_ms(1);
    params.set_dispute_ms(1'000);
    return params;
}

Result<std::vector<Bytes>> TaskTraffic::next(const ledger::BenchAccounts& accounts,
                                             const ledger::ReadView& state) {
    if (accounts.keys.size() <= kProviders)
        return fail(Code::kInvalidArgument,
                    "bench: tasks need " + std::to_string(kProviders + 1) + " senders or more");
    accounts_ = &accounts;
    block_.clear();
    if (nonces_.empty()) {
        nonces_.resize(kProviders + 1);
        for (size_t i = 1; i <= kProviders; ++i) register_provider(i);
    }
    for (size_t i = 1; i <= kProviders; ++i) {
        const std::string_view own = text_of(accounts.addresses[i].view());
        for (const pb::Task& task : contracts::live_tasks_of(state, accounts.addresses[i]))
            for (const pb::Slot& slot : task.slots())
                if (slot.operator_() == own) answer(i, task, slot);
    }
    pb::JobPost job;
    *job.mutable_spec() = small_job();
    ASSAY_ASSIGN(const auto quoted, contracts::quote(job.spec(), contracts::get_params(state)));
    job.set_escrow(quoted.max_escrow);
    for (uint32_t i = 0; i < kJobsPerBlock; ++i) add(0, contracts::TxType::kJobPost, job);
    ASSAY_RETURN_IF_ERROR(failure_);
    return std::move(block_);
}

void TaskTraffic::add(size_t sender, contracts::TxType type,
                      const google::protobuf::Message& payload) {
    auto signed_tx = ledger::bench_transaction(
        *accounts_, sender, nonces_[sender]++, static_cast<uint32_t>(type),
        contracts::default_params().min_fee(), ledger::encode_message(payload));
    if (signed_tx)
        block_.push_back(std::move(*signed_tx));
    else
        failure_ = signed_tx.error();
}

void TaskTraffic::register_provider(size_t provider) {
    pb::StakeBond bond;
    bond.set_amount(kBond);
    add(provider, contracts::TxType::kStakeBond, bond);
    pb::ProviderRegister message;
    message.set_moniker("bench");
    message.set_endpoint("127.0.0.1:7000");
    message.set_price_floor(kPrice / 10);
    message.set_capacity(contracts::kMaxCapacity);
    message.mutable_sample()->set_score(1'000);
    message.mutable_sample()->set_memory_mb(4'096);
    message.mutable_sample()->set_backend("portable");
    message.mutable_sample()->set_device("bench");
    add(provider, contracts::TxType::kProviderRegister, message);
}

void TaskTraffic::answer(size_t provider, const pb::Task& task, const pb::Slot& slot) {
    const ledger::Address& own = accounts_->addresses[provider];
    const contracts::TaskResult result = result_of_task(task);
    const Hash256 salt = salt_of(own, task);
    if (slot.state() == pb::SLOT_OFFERED) {
        pb::TaskAccept message;
        message.set_task_id(task.id());
        add(provider, contracts::TxType::kTaskAccept, message);
    } else if (slot.state() == pb::SLOT_ACCEPTED) {
        pb::TaskCommit message;
        message.set_task_id(task.id());
        message.set_commitment(raw(contracts::commitment(ledger::kBenchChain, view_of(task.id()),
                                                         own, result, salt.view())));
        add(provider, contracts::TxType::kTaskCommit, message);
    } else if (slot.state() == pb::SLOT_COMMITTED && task.state() == pb::TASK_COMMITTED) {
        pb::TaskReveal message;
        message.set_task_id(task.id());
        *message.mutable_output() = result.output;
        *message.mutable_trace() = result.trace;
        message.set_salt(raw(salt));
        add(provider, contracts::TxType::kTaskReveal, message);
    }
}

}  // namespace assay::node
