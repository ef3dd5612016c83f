// A small job, its data and the folders it runs in, for the tests of node/agent.
//
// Ownership: the fixture owns its folder. Threads: one. Errors: fail the test.
#pragma once

#include <gtest/gtest.h>

#include "compute/data/import.h"
#include "compute/train/task.h"
#include "contracts/job_spec.h"
#include "node/agent/local_task.h"
#include "node/agent/worker.h"
#include "node/core/files.h"

namespace assay::node::testing {

// Bytes that repeat, so that there is something to learn.
inline std::string sample_text(size_t size) {
    std::string text;
    while (text.size() < size) text += "the quick brown fox jumps over the lazy dog; ";
    text.resize(size);
    return text;
}

inline std::filesystem::path import_text(const std::filesystem::path& folder) {
    const auto raw = folder / "raw.txt";
    EXPECT_TRUE(write_text(raw, sample_text(6'000), 0644).ok());
    const auto data = folder / "data";
    EXPECT_TRUE(compute::import_data(compute::ImportKind::kRaw, {raw}, data, {}).ok());
    return data;
}

// A byte-level GPT of one layer: a task takes some ten milliseconds.
inline pb::JobSpec small_spec(const pb::ArtifactRef& data, uint32_t rounds, uint32_t shards) {
    pb::JobSpec spec;
    spec.set_name("agent test");
    auto* gpt = spec.mutable_model()->mutable_gpt();
    gpt->set_vocab(256);
    gpt->set_context(16);
    gpt->set_d_model(16);
    gpt->set_n_layer(1);
    gpt->set_n_head(2);
    auto* optimizer = spec.mutable_optimizer();
    optimizer->set_lr_nano(4'000'000);
    optimizer->set_beta1_nano(900'000'000);
    optimizer->set_beta2_nano(950'000'000);
    optimizer->set_eps_nano(10);
    optimizer->set_decay_nano(100'000'000);
    optimizer->set_clip_nano(1'000'000'000);
    optimizer->set_min_lr_nano(400'000);
    spec.set_numerics("OFA-1");
    spec.set_slices(2);
    spec.set_seed(7);
    *spec.mutable_data() = data;
    auto* plan = spec.mutable_plan();
    plan->set_rounds(rounds);
    plan->set_shards(shards);
    plan->set_local_steps(5);
    plan->set_batch(2);
    auto* terms = spec.mutable_terms();
    terms->set_replicas(3);
    terms->set_price_ceiling(2'000);
    terms->set_deadline_ms(1'800'000);
    return spec;
}

inline pb::ArtifactRef to_ref(const StoredArtifact& stored) {
    pb::ArtifactRef ref;
    ref.set_root(stored.root.bytes.data(), stored.root.bytes.size());
    ref.set_size(stored.size);
    return ref;
}

// The task run in this process: what the training process must give, bit for bit.
inline Bytes expected_output(const pb::JobSpec& spec, const std::filesystem::path& data,
                             const std::filesystem::path& folder, uint32_t shard = 0) {
    const auto config = contracts::to_job_config(spec);
    EXPECT_TRUE(config.ok());
    auto backend = compute::make_backend({"portable", 1});
    EXPECT_TRUE(backend.ok());
    compute::TaskRun run;
    run.backend = backend->get();
    const compute::TaskPaths outputs{folder / "expected", folder / "expected-trace"};
    const auto status =
        compute::run_train_task(*config, 0, shard, {{}, data, {}, {}}, outputs, run);
    EXPECT_TRUE(status.ok()) << status.error().message;
    return bytes_of(read_text(outputs.output, 1 << 24).value());
}

}  // namespace assay::node::testing
