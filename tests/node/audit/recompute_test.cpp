// A task run again: equal to the bit, or the result and the chunk that differ.
#include "node/audit/recompute.h"

#include <gtest/gtest.h>

#include "contracts/store.h"
#include "tests/contracts/memory_view.h"
#include "tests/node/agent/agent_fixture.h"

namespace assay::test {
namespace {

using node::testing::import_text;
using node::testing::small_spec;
using node::testing::to_ref;

class RecomputeTest : public ::testing::Test {
protected:
    void SetUp() override {
        const auto data = import_text(folder_.path());
        const auto spec = small_spec(to_ref(blobs_->put_file(data).value()), 1, 1);
        output_ = node::testing::expected_output(spec, data, folder_.path());
        pb::Job job;
        job.set_id(std::string(32, 'j'));
        *job.mutable_spec() = spec;
        ledger::State state(view_);
        contracts::Store(state).put(job);
        view_.commit(state.changes());
        task_.set_id(std::string(32, 't'));
        task_.set_job_id(job.id());
        task_.set_kind(pb::TASK_TRAIN);
        task_.set_state(pb::TASK_FINAL);
        task_.add_inputs();  // no root: initial weights
        *task_.mutable_output() = to_ref(blobs_->put_bytes(output_).value());
        *task_.mutable_trace() =
            to_ref(blobs_->put_file(folder_.path() / "expected-trace").value());
    }
    Result<node::RecomputeReport> run() {
        return node::recompute_task(view_, task_, *blobs_, *backend_);
    }
    std::string problem() {
        const auto report = run();
        EXPECT_FALSE(report.ok());
        if (report.ok()) return "";
        EXPECT_EQ(report.error().code, Code::kCorrupt);
        return report.error().message;
    }

    const node::ScratchFolder folder_ =
        node::ScratchFolder::make({}, "assay-recompute-test-").value();
    std::unique_ptr<node::BlobStore> blobs_ =
        node::BlobStore::open(folder_.path() / "blobs", {}).value();
    std::unique_ptr<compute::Backend> backend_ = compute::make_backend({"portable", 1}).value();
    MemoryView view_;
    pb::Task task_;
    Bytes output_;
    const std::string name_ = "task " + to_hex(view_of(std::string(32, 't')));
};

TEST_F(RecomputeTest, AnHonestResultIsEqualToTheBit) {
    const auto report = run();
    ASSERT_TRUE(report.ok()) << report.error().message;
    EXPECT_EQ(text_of(report->output_root.view()), task_.output().root());
    EXPECT_EQ(text_of(report->trace_root.view()), task_.trace().root());
    EXPECT_FALSE(report->diverged);
}

TEST_F(RecomputeTest, AnAcceptedLieIsNamedWithItsChunk) {
    Bytes lie = output_;
    lie[lie.size() / 2] ^= 1;
    *task_.mutable_output() = to_ref(blobs_->put_bytes(lie).value());
    const std::string text = problem();
    EXPECT_TRUE(text.starts_with(name_ + ".output: recomputed ")) << text;
    EXPECT_NE(text.find("; first at chunk 0 of 1 (bytes 0 to "), std::string::npos) << text;
}

TEST_F(RecomputeTest, ALieWhoseBytesAreNotHereIsNamedByItsRoot) {
    task_.mutable_output()->set_root(std::string(32, 'x'));
    const std::string text = problem();
    EXPECT_TRUE(text.starts_with(name_ + ".output: recomputed ")) << text;
    EXPECT_NE(text.find("the ledger accepted " + to_hex(view_of(std::string(32, 'x')))),
              std::string::npos)
        << text;
    EXPECT_EQ(text.find("chunk"), std::string::npos) << text;
}

TEST_F(RecomputeTest, AWrongTraceAndAFalseDivergenceAreNamed) {
    task_.mutable_trace()->set_root(std::string(32, 'y'));
    EXPECT_TRUE(problem().starts_with(name_ + ".trace: recomputed "));
    task_.set_diverged(true);
    task_.set_fault_step(3);
    EXPECT_TRUE(problem().starts_with(name_ + ".diverged: "));
}

TEST_F(RecomputeTest, MissingInputsAreNoVerdict) {
    task_.mutable_inputs(0)->set_root(std::string(32, 'z'));
    const auto report = run();
    ASSERT_FALSE(report.ok());
    EXPECT_EQ(report.error().code, Code::kNotFound);
    task_.mutable_inputs(0)->clear_root();
    task_.set_job_id(std::string(32, 'k'));
    EXPECT_EQ(problem(), name_ + " belongs to no job");
}

}  // namespace
}  // namespace assay::test
