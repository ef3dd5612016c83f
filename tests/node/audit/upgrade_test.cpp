// A chain that began with the rules of version 2 takes scaled models from its upgrade on, on every
// node: whoever orders blocks, whoever follows, and whoever replays the chain later.
#include <gtest/gtest.h>

#include "contracts/job_spec.h"
#include "ledger/block_check.h"
#include "ledger/engine/follower.h"
#include "node/audit/replayed_ledger.h"
#include "tests/node/audit/audit_chain.h"

namespace assay::test {
namespace {

constexpr uint32_t kBefore = contracts::kLlamaVariantsVersion - 1;
constexpr uint64_t kDelay = 3;
constexpr char kReason[] =
    "job_post: model.llama.ropeScaling needs rules version 3; this chain executes version 2. "
    "Remedy: ";

pb::Params quick_params() {
    pb::Params params = Env::test_params();
    params.set_upgrade_delay_blocks(kDelay);
    return params;
}

Tx post_scaled() {
    compute::JobConfig config;
    config.model = compute::LlamaConfig{256, 64, 32, 2, 4, 2, 48, 500'000, 1'000, true};
    std::get<compute::LlamaConfig>(config.model).rope_scaling = {2'000'000'000, 0, 0, 0};
    pb::JobSpec llama, spec = tiny_job();
    contracts::from_job_config(config, llama);
    *spec.mutable_model() = llama.model();
    return post_job(who(kRequester), spec, contracts::quote(spec, quick_params())->max_escrow);
}

// What a program does that has the fields and not their version.
class HastyRules : public LyingRules {
public:
    ledger::TxCode preflight(const ledger::CheckedTx& tx, uint32_t,
                             std::string& why) const override {
        return LyingRules::preflight(tx, ledger::kAppVersion, why);
    }
};

TEST(UpgradeTest, ScaledModelsAreTakenFromItsHeightOnByEveryNode) {
    const contracts::ContractRules rules;
    AuditChain chain(rules, kBefore, quick_params());
    const auto refused = chain.submit(post_scaled());
    EXPECT_EQ(refused.code, TxCode::kMalformedPayload);
    EXPECT_TRUE(refused.log.starts_with(kReason)) << refused.log;
    // A proposal of another validator.
    const auto tip = ledger::genesis_tip(chain.producer().genesis());
    auto block = ledger::proposal_after(tip);
    block.time_ms = tip.time_ms + 1;
    block.transactions = {chain.signed_by_sender(post_scaled())};
    EXPECT_FALSE(chain.app().process_proposal(block).value());
    const auto executed = chain.app().finalize_block(block).value();
    EXPECT_EQ(executed.results[0].code(), static_cast<uint32_t>(TxCode::kMalformedPayload));
    EXPECT_EQ(executed.results[0].fee_charged(), 0U);
    EXPECT_TRUE(executed.refusal.starts_with(kReason)) << executed.refusal;

    chain.send(signal_upgrade(who(kProducer), kBefore + 1));
    chain.close();
    const uint64_t height = chain.height() + kDelay;
    while (chain.app().info().app_version == kBefore) {
        EXPECT_EQ(chain.submit(post_scaled()).code, TxCode::kMalformedPayload) << chain.height();
        chain.close();
    }
    EXPECT_EQ(chain.height() + 1, height);
    chain.send(post_scaled());
    chain.close();
    EXPECT_EQ(chain.height_of("job.posted"), height);

    const auto ledger = node::ReplayedLedger::open(chain.export_file());
    ASSERT_TRUE(ledger.ok()) << ledger.error().message;
    EXPECT_EQ((*ledger)->report().head_hash, chain.producer().head_hash());

    const auto database = ledger::Database::open(chain.file("follower")).value();
    const auto app = ledger::LocalApplication::open(rules, *database).value();
    const auto follower =
        ledger::Follower::create(*app, *database, chain.producer().genesis(), {}).value();
    for (uint64_t h = 1; h <= chain.height(); ++h) {
        const auto applied = follower->apply(chain.producer().encoded_block(h).value());
        ASSERT_TRUE(applied.ok()) << applied.error().message;
    }
    EXPECT_EQ(follower->head_hash(), chain.producer().head_hash());
}

TEST(UpgradeTest, ABlockThatTakesThemEarlierIsRefusedWithTheReason) {
    const HastyRules hasty;
    AuditChain chain(hasty, kBefore, quick_params());
    chain.send(post_scaled());
    chain.close();
    const std::string problem =
        std::string("height 1: results[0].code: is 0, execution gives 104: ") + kReason;
    const auto ledger = node::ReplayedLedger::open(chain.export_file());
    ASSERT_FALSE(ledger.ok());
    EXPECT_TRUE(ledger.error().message.starts_with(problem)) << ledger.error().message;

    const contracts::ContractRules rules;
    const auto database = ledger::Database::open(chain.file("follower")).value();
    const auto app = ledger::LocalApplication::open(rules, *database).value();
    const auto follower =
        ledger::Follower::create(*app, *database, chain.producer().genesis(), {}).value();
    EXPECT_FALSE(follower->apply(chain.producer().encoded_block(1).value()).ok());
    EXPECT_TRUE(has(follower->failure(), kReason)) << follower->failure();
}

}  // namespace
}  // namespace assay::test
