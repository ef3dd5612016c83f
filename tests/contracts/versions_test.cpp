// What a version of the rules takes, and that those before it stay as they are: their blocks are
// executed again by every node that replays a chain, beside programs that know nothing newer.
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <set>

#include "contracts/job_spec.h"
#include "ledger/crypto/hash.h"
#include "tests/contracts/scenario.h"

namespace assay::test {
namespace {

constexpr uint32_t kBefore = contracts::kLlamaVariantsVersion - 1;
constexpr uint64_t kDelay = 3;

pb::JobSpec llama_job() {
    compute::JobConfig config;
    config.model = compute::LlamaConfig{256, 64, 32, 2, 4, 2, 48, 500'000, 1'000, true};
    pb::JobSpec llama, spec = tiny_job();
    contracts::from_job_config(config, llama);
    *spec.mutable_model() = llama.model();
    return spec;
}
pb::LlamaSpec& llama_of(pb::JobSpec& spec) {
    return *spec.mutable_model()->mutable_llama();
}
pb::JobSpec scaled_job() {
    pb::JobSpec spec = llama_job();
    pb::RopeScalingSpec& scaling = *llama_of(spec).mutable_rope_scaling();
    scaling.set_factor_nano(8'000'000'000);
    scaling.set_low_freq_factor_nano(1'000'000'000);
    scaling.set_high_freq_factor_nano(4'000'000'000);
    scaling.set_original_context(16);
    return spec;
}
pb::JobSpec biased_job() {
    pb::JobSpec spec = llama_job();
    llama_of(spec).set_qkv_bias(true);
    return spec;
}

Tx post_of(const pb::JobSpec& spec) {
    const auto quoted = contracts::quote(spec, Env::test_params());
    return post_job(named("alice"), spec, quoted.ok() ? quoted->max_escrow : 1);
}

// With a field that no program knows, which is what the others are to a program without them.
Tx post_of_unknown_field() {
    pb::JobSpec spec = llama_job();
    pb::LlamaSpec& llama = llama_of(spec);
    llama.GetReflection()->MutableUnknownFields(&llama)->AddVarint(1000, 1);
    return post_of(spec);
}

TEST(Versions, BeforeItsVersionAFieldIsRefusedAsAnUnknownOneIs) {
    Env env(Env::test_params(), {}, kBefore);
    const Hash256 untouched = [&] {
        Env idle(Env::test_params(), {}, kBefore);
        idle.close();
        return idle.app_hash();
    }();
    env(post_of_unknown_field(), TxCode::kMalformedPayload);
    pb::JobSpec empty = llama_job(), bad = scaled_job(), both = scaled_job(),
                adapters = biased_job();
    (void)llama_of(empty).mutable_rope_scaling();  // present, as two bytes
    llama_of(bad).mutable_rope_scaling()->set_factor_nano(1);
    llama_of(both).set_qkv_bias(true);
    adapters.mutable_model()->set_lora_rank(4);
    *adapters.mutable_initial() = adapters.data();
    for (const auto& [field, spec] : {std::pair{"model.llama.ropeScaling", scaled_job()},
                                      {"model.llama.qkvBias", biased_job()},
                                      {"model.llama.ropeScaling", empty},
                                      {"model.llama.ropeScaling", bad},
                                      {"model.llama.ropeScaling", both},
                                      {"model.llama.qkvBias", adapters}}) {
        env(post_of(spec), TxCode::kMalformedPayload);
        EXPECT_EQ(env.why(), std::string("job_post: ") + field +
                                 " needs rules version 3; this chain executes version 2. Remedy: "
                                 "post the job after the chain's upgrade (docs/operations.md, "
                                 "Upgrading), or a model without it");
    }
    Tx poor = post_of(scaled_job());
    poor.fee = 0;
    env(poor, TxCode::kFeeTooLow);  // asked before the payload is looked at
    env.require(balance(named("alice"), kGenesisBalance));
    env.close();
    EXPECT_EQ(env.app_hash(), untouched) << "neither fee nor nonce";
}

TEST(Versions, FromTheUpgradeOnItIsAccepted) {
    pb::Params params = Env::test_params();
    params.set_upgrade_delay_blocks(kDelay);
    Env env(params, {}, kBefore);
    env.set_producer(named("bob"));
    env(signal_upgrade(named("bob"), kBefore + 1));
    const uint64_t height = env.height() + kDelay;
    for (; env.height() < height; env.close()) {
        env(post_of(scaled_job()), TxCode::kMalformedPayload);
        env(post_of(biased_job()), TxCode::kMalformedPayload);
    }
    ASSERT_EQ(env.app_version(), contracts::kLlamaVariantsVersion);
    env(post_of(scaled_job()));
    env(post_of(biased_job()));
    env(post_of_unknown_field(), TxCode::kMalformedPayload);
    pb::JobSpec bad = scaled_job();
    llama_of(bad).mutable_rope_scaling()->set_factor_nano(1);
    env(post_of(bad), TxCode::kMalformedPayload);
    EXPECT_NE(env.why().find("model.llama.ropeScaling.factor"), std::string::npos) << env.why();
    env.close();
    const auto stored = env.job(job_of(named("alice"), 0)).spec().model().llama();
    EXPECT_EQ(stored.rope_scaling().original_context(), 16U);
    EXPECT_TRUE(env.job(job_of(named("alice"), 1)).spec().model().llama().qkv_bias());
}

// The app hash is the one that the last release without these fields computed.
TEST(Versions, JobsWithoutThemAreAsTheyWere) {
    for (const uint32_t version : {kBefore, contracts::kLlamaVariantsVersion}) {
        Env env(Env::test_params(), {}, version);
        add_providers(env, 4);
        env(post_of(llama_job()));
        assign(env);
        EXPECT_EQ(to_hex(env.app_hash()),
                  "b021038174714d4f9b45d1d754439817fe5b73e62f44e734d7dcefc32991019a")
            << version;
    }
}

// Message.field, with number, type and what it is part of, of everything a payload can hold.
void add_fields(const google::protobuf::Descriptor& message, std::set<std::string>& lines) {
    for (int i = 0; i < message.field_count(); ++i) {
        const auto& field = *message.field(i);
        const std::string name = message.name() + "." + field.name();
        // Of a later version than kOldestAppVersion.
        if (name == "LlamaSpec.rope_scaling" || name == "LlamaSpec.qkv_bias") continue;
        const auto* oneof = field.real_containing_oneof();
        const bool is_new =
            lines
                .insert(name + " " + std::to_string(field.number()) + " " + field.type_name() +
                        (field.is_repeated() ? " repeated" : "") +
                        (oneof == nullptr ? "" : " " + oneof->name()))
                .second;
        if (is_new && field.message_type() != nullptr) add_fields(*field.message_type(), lines);
    }
}

TEST(Versions, NoFieldOfATransactionIsWithoutAVersion) {
    std::set<std::string> lines;
    for (const auto& info : contracts::kTransactions) {
        const auto* message =
            pb::JobPost::descriptor()->file()->FindMessageTypeByName(std::string(info.message));
        ASSERT_NE(message, nullptr) << info.message;
        add_fields(*message, lines);
    }
    std::string text;
    for (const std::string& line : lines) text += line + "\n";
    EXPECT_EQ(to_hex(ledger::sha256(view_of(text))),
              "dba4f1e229ed65b182f4394bf8fa38fc74ea94e316dea1341a810aeca67acf57")
        << "a program without the new field refuses it, one with it must too until its version of "
           "the rules: check_version() in contracts/job_spec.cpp, "
           "docs/decisions/0018-the-state-names-its-rules.md\n"
        << text;
}

}  // namespace
}  // namespace assay::test
