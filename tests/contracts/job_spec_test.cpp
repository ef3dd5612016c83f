// Job descriptions: conversion, validation, quotation; parameters; known-answer identifiers.
#include "contracts/job_spec.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "contracts/limits.h"
#include "contracts/params.h"
#include "tests/contracts/scenario.h"

namespace assay::test {
namespace {

using contracts::quote;

Status validate_job(const pb::JobSpec& spec) {
    return contracts::validate_job(spec, ledger::kAppVersion);
}

TEST(JobSpec, ConversionRoundTrips) {
    compute::JobConfig config;
    config.model = compute::GptConfig{256, 64, 32, 2, 4};
    config.optimizer = {1, 2, 3, 4, 5, 6, 7, 8};
    config.plan = {2, 3, 4, 5, 6, 7};
    config.slices = 3;
    config.seed = 99;
    pb::JobSpec spec;
    contracts::from_job_config(config, spec);
    const auto back = contracts::to_job_config(spec);
    ASSERT_TRUE(back.ok());
    EXPECT_EQ(back->model, config.model);
    EXPECT_EQ(back->optimizer.warmup_steps, 7U);
    EXPECT_EQ(back->optimizer.min_lr_nano, 8U);
    EXPECT_EQ(back->plan.outer_momentum_nano, 7U);
    EXPECT_EQ(back->slices, 3U);
    EXPECT_EQ(back->seed, 99U);
}

compute::JobConfig llama_job() {
    compute::JobConfig config;
    config.model = compute::LlamaConfig{256, 64, 32, 2, 4, 2, 48, 500'000, 1'000, true};
    return config;
}

TEST(JobSpec, ScalingAndBiasesRoundTripAndTheirAbsenceIsNotEncoded) {
    compute::JobConfig config = llama_job();
    pb::JobSpec plain, scaled;
    contracts::from_job_config(config, plain);
    EXPECT_FALSE(plain.model().llama().has_rope_scaling());
    EXPECT_EQ(contracts::to_job_config(plain)->model, config.model);
    // LlamaSpec as it was encoded before there was scaling.
    EXPECT_EQ(to_hex(view_of(plain.model().llama().SerializeAsString())),
              "088002104018202002280430023830"
              "40a0c21e48e8075001");
    std::get<compute::LlamaConfig>(config.model).rope_scaling = {8, 1, 4, 8192};
    std::get<compute::LlamaConfig>(config.model).qkv_bias = true;
    contracts::from_job_config(config, scaled);
    EXPECT_EQ(contracts::to_job_config(scaled)->model, config.model);
    EXPECT_EQ(to_hex(view_of(scaled.model().llama().rope_scaling().SerializeAsString())),
              "08081001180420"
              "8040");
}

TEST(JobSpec, EachBadFieldIsNamed) {
    struct Case {
        const char* field;
        void (*spoil)(pb::JobSpec&);
    };
    const Case cases[] = {
        {"name", [](pb::JobSpec& s) { s.set_name(""); }},
        {"name", [](pb::JobSpec& s) { s.set_name(std::string(65, 'x')); }},
        {"name", [](pb::JobSpec& s) { s.set_name("a\nb"); }},
        {"numerics", [](pb::JobSpec& s) { s.set_numerics("IEEE"); }},
        {"slices is 9", [](pb::JobSpec& s) { s.set_slices(9); }},
        {"model", [](pb::JobSpec& s) { s.clear_model(); }},
        {"model.mlp.classes",
         [](pb::JobSpec& s) { s.mutable_model()->mutable_mlp()->set_classes(1); }},
        {"optimizer.lr (in billionths)",
         [](pb::JobSpec& s) { s.mutable_optimizer()->set_lr_nano(0); }},
        {"plan.rounds", [](pb::JobSpec& s) { s.mutable_plan()->set_rounds(1'025); }},
        {"plan.shards", [](pb::JobSpec& s) { s.mutable_plan()->set_shards(65); }},
        {"number of tasks",
         [](pb::JobSpec& s) {
             s.mutable_plan()->set_rounds(1'024);
             s.mutable_plan()->set_shards(16);
         }},
        {"plan.batch", [](pb::JobSpec& s) { s.mutable_plan()->set_batch(0); }},
        {"plan.outerMomentum",
         [](pb::JobSpec& s) { s.mutable_plan()->set_outer_momentum_nano(5); }},
        {"data", [](pb::JobSpec& s) { s.clear_data(); }},
        {"data.root", [](pb::JobSpec& s) { s.mutable_data()->set_root("short"); }},
        {"data.size", [](pb::JobSpec& s) { s.mutable_data()->set_size(0); }},
        {"initial.root", [](pb::JobSpec& s) { s.mutable_initial(); }},
        {"loraRank is set and initial is not",
         [](pb::JobSpec& s) { s.mutable_model()->set_lora_rank(4); }},
        {"loraRank is 5",  // more than the model is wide
         [](pb::JobSpec& s) {
             *s.mutable_initial() = s.data();
             compute::JobConfig config;
             config.model = compute::LoraConfig{compute::GptConfig{8, 4, 4, 1, 1}, 5};
             pb::JobSpec adapters;
             contracts::from_job_config(config, adapters);
             *s.mutable_model() = adapters.model();
         }},
        {"model.llama.ropeScaling.factor (in billionths)",
         [](pb::JobSpec& s) {
             contracts::from_job_config(llama_job(), s);
             s.mutable_model()->mutable_llama()->mutable_rope_scaling()->set_factor_nano(1);
         }},
        {"not on an mlp",
         [](pb::JobSpec& s) {
             *s.mutable_initial() = s.data();
             s.mutable_model()->set_lora_rank(4);
         }},
        {"terms.replicas", [](pb::JobSpec& s) { s.mutable_terms()->set_replicas(2); }},
        {"terms.replicas", [](pb::JobSpec& s) { s.mutable_terms()->set_replicas(6); }},
        {"terms.priceCeiling", [](pb::JobSpec& s) { s.mutable_terms()->set_price_ceiling(0); }},
        {"terms.deadlineMs", [](pb::JobSpec& s) { s.mutable_terms()->set_deadline_ms(999); }},
        {"terms.priority", [](pb::JobSpec& s) { s.mutable_terms()->set_priority(1'001); }},
        {"terms.allowedOperators",
         [](pb::JobSpec& s) { s.mutable_terms()->add_allowed_operators("short"); }},
        {"terms.allowedOperators",
         [](pb::JobSpec& s) {
             s.mutable_terms()->add_allowed_operators(std::string(20, 'a'));
             s.mutable_terms()->add_allowed_operators(std::string(20, 'a'));
         }},
        {"terms.allowedOperators",
         [](pb::JobSpec& s) { s.mutable_terms()->add_allowed_operators(std::string(20, 'a')); }},
    };
    EXPECT_TRUE(validate_job(tiny_job()).ok());
    for (const Case& c : cases) {
        pb::JobSpec spec = tiny_job();
        c.spoil(spec);
        const Status status = validate_job(spec);
        ASSERT_FALSE(status.ok()) << c.field;
        EXPECT_EQ(status.error().code, Code::kInvalidArgument);
        EXPECT_NE(status.error().message.find(c.field), std::string::npos)
            << status.error().message;
    }
}

TEST(JobSpec, WorkUnitsRoundUpAndAreAtLeastOne) {
    EXPECT_EQ(contracts::train_work_units(0, 1).value(), 1U);
    EXPECT_EQ(contracts::train_work_units(1'000'000'000, 1).value(), 1U);
    EXPECT_EQ(contracts::train_work_units(1'000'000'000, 3).value(), 3U);
    EXPECT_EQ(contracts::train_work_units(500'000'001, 2).value(), 2U);
    EXPECT_EQ(contracts::aggregate_work_units(1'000'000'000, 2).value(), 3U);
    EXPECT_EQ(contracts::aggregate_work_units(10, 2).value(), 1U);
}

TEST(JobSpec, WorkBeyondTheLimitIsRefusedNotCut) {
    constexpr uint64_t kMacs = 1'000'000'000;
    EXPECT_EQ(contracts::train_work_units(kMacs, contracts::kMaxTaskWorkUnits).value(),
              contracts::kMaxTaskWorkUnits);
    const auto train = contracts::train_work_units(kMacs, contracts::kMaxTaskWorkUnits + 1);
    ASSERT_FALSE(train.ok());
    EXPECT_EQ(train.error().code, Code::kLimit);
    EXPECT_EQ(train.error().message,
              "plan.localSteps makes a task of more than 1125899906842624 work units; lower "
              "plan.localSteps, plan.batch or the model's size");
    const auto sum = contracts::aggregate_work_units(~uint64_t{0}, ~uint64_t{0});
    ASSERT_FALSE(sum.ok());
    EXPECT_NE(sum.error().message.find("plan.shards"), std::string::npos);
}

TEST(JobSpec, QuoteCountsTasksWorkAndEscrow) {
    const pb::Params params = contracts::default_params();
    const auto plain = quote(tiny_job(3, 1), params);
    ASSERT_TRUE(plain.ok());
    EXPECT_EQ(plain->tasks(), 3U);
    EXPECT_EQ(plain->aggregate_tasks, 0U);
    EXPECT_EQ(plain->max_escrow, 3U * 5 * 1'000);
    EXPECT_EQ(plain->expected_cost, 3U * 3 * 1'000);
    EXPECT_EQ(plain->slot_exposure, 8'000U);
    const auto sharded = quote(tiny_job(3, 2), params);
    ASSERT_TRUE(sharded.ok());
    EXPECT_EQ(sharded->train_tasks, 6U);
    EXPECT_EQ(sharded->aggregate_tasks, 3U);
    EXPECT_EQ(sharded->max_escrow, escrow_of(tiny_job(3, 2)));
    // mlp 4-4-2: 30 parameters with biases, three float32 each.
    EXPECT_EQ(sharded->checkpoint_bytes, 30U * 12);
}

TEST(Params, DefaultsFillZeroesAndBoundsHold) {
    const auto complete = contracts::complete_params({});
    ASSERT_TRUE(complete.ok());
    EXPECT_EQ(complete->accept_ms(), 10'000U);
    EXPECT_EQ(complete->slot_stake_factor(), 8U);
    EXPECT_EQ(complete->no_reveal_fine_permille(), 1'000U);
    pb::Params bad;
    bad.set_slash_burn_permille(499);
    const auto refused = contracts::complete_params(bad);
    ASSERT_FALSE(refused.ok());
    EXPECT_NE(refused.error().message.find("slash_burn_permille is 499"), std::string::npos);
    EXPECT_FALSE(contracts::params_from_genesis("\xff").ok());
}

// Frozen: agents, wallets and auditors compute the same bytes (docs/job-spec.md).
TEST(Commitment, KnownAnswers) {
    Address op;
    op.bytes.fill(0x11);
    const Hash256 job = contracts::job_id("assay-1", op, 7);
    const Hash256 task = contracts::task_id(job.view(), pb::TASK_TRAIN, 1, 2);
    TaskResult result;
    result.output.set_root(std::string(32, '\x22'));
    result.output.set_size(100);
    result.trace.set_root(std::string(32, '\x33'));
    result.trace.set_size(50);
    const Bytes salt(32, 0x44);
    const auto made = contracts::commitment("assay-1", task.view(), op, result, salt);
    EXPECT_EQ(to_hex(job), "251203b9724befc4451e07fbe9c3aaef7d53df234e8ed590192fe6157ed835fc");
    EXPECT_EQ(to_hex(task), "655ac68e072bdd891ea02cf6f8037b87c353aeb8f02099074e44c821f0fa5343");
    EXPECT_EQ(to_hex(made), "8ff876f9ba0704d9722409c2b25a032fc345d83ca084ad285206b5b2d3da7e05");
    const auto other = [&](const TaskResult& changed) {
        return contracts::commitment("assay-1", task.view(), op, changed, salt);
    };
    TaskResult changed = result;
    changed.output.set_size(101);
    EXPECT_NE(other(changed), made);
    changed = result;
    changed.diverged = true;
    EXPECT_NE(other(changed), made);
}

TEST(Queries, PagesFollowTheCursor) {
    Env env;
    add_providers(env, 7);
    Bytes cursor;
    std::vector<std::string> seen;
    for (int page = 0; page < 3; ++page) {
        const auto found = contracts::list_providers(env.view(), 3, cursor);
        for (const auto& provider : found.items) seen.push_back(provider.operator_());
        EXPECT_EQ(found.items.size(), page < 2 ? 3U : 1U);
        EXPECT_EQ(found.next.empty(), page == 2);
        cursor = found.next;
    }
    EXPECT_EQ(seen.size(), 7U);
    EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
    post(env);
    post(env);
    EXPECT_EQ(
        contracts::list_jobs(env.view(), {named("alice"), pb::JOB_RUNNING}, 10, {}).items.size(),
        2U);
    EXPECT_TRUE(contracts::list_jobs(env.view(), {named("bob"), {}}, 10, {}).items.empty());
    const auto screened = contracts::screen_job(env.view(), tiny_job(), env.now());
    ASSERT_TRUE(screened.ok());
    EXPECT_EQ(screened->size(), 7U);
}

}  // namespace
}  // namespace assay::test
