// The training process: same bits as in this process, and every way it can end.
#include "node/agent/worker.h"

#include <chrono>
#include <cmath>
#include <fstream>
#include <iterator>
#include <thread>

#include "ledger/codec/canonical.h"
#include "tests/node/agent/agent_fixture.h"

namespace assay::node {
namespace {

using testing::expected_output;
using testing::import_text;
using testing::small_spec;

class WorkerTest : public ::testing::Test {
protected:
    void SetUp() override {
        data_ = import_text(folder_.path());
        task_.spec = ledger::encode_message(spec_);
        task_.data = "data";
        task_.backend = "portable";
    }
    Result<WorkerOutcome> run() {
        EXPECT_TRUE(write_worker_task(folder_.path(), task_).ok());
        return run_worker_process(ASSAY_EXECUTABLE, folder_.path(), stop_);
    }

    const ScratchFolder folder_ = ScratchFolder::make({}, "assay-worker-").value();
    pb::JobSpec spec_ = small_spec({}, 1, 2);
    std::filesystem::path data_;
    WorkerTask task_;
    std::atomic<bool> stop_{false};
};

TEST_F(WorkerTest, GivesTheBitsOfThisProcess) {
    for (uint32_t shard = 0; shard < 2; ++shard) {
        task_.shard = shard;
        const auto outcome = run();
        ASSERT_TRUE(outcome.ok()) << outcome.error().message;
        EXPECT_FALSE(outcome->diverged);
        const auto output = read_text(folder_.path() / kWorkerOutput, 1 << 24);
        ASSERT_TRUE(output.ok());
        EXPECT_EQ(bytes_of(*output), expected_output(spec_, data_, folder_.path(), shard));
    }
    const auto progress = read_worker_progress(folder_.path());
    ASSERT_TRUE(progress.has_value());
    EXPECT_EQ(progress->local_step, 5U);
    EXPECT_EQ(progress->local_steps, 5U);
    EXPECT_NEAR(progress->loss, std::log(256.0F), 1.0F);
}

TEST_F(WorkerTest, ACrashIsAnErrorThatNamesTheSignal) {
    task_.crash_midway = true;
    const auto outcome = run();
    ASSERT_FALSE(outcome.ok());
    EXPECT_EQ(outcome.error().code, Code::kUnavailable);
    EXPECT_NE(outcome.error().message.find("signal 6"), std::string::npos)
        << outcome.error().message;
}

TEST_F(WorkerTest, DivergenceIsAResultWithItsStep) {
    // Learning rate and decay of 1000 each: weights grow a million times a step until they
    // overflow.
    spec_.mutable_optimizer()->set_lr_nano(1'000'000'000'000);
    spec_.mutable_optimizer()->set_decay_nano(1'000'000'000'000);
    spec_.mutable_plan()->set_local_steps(20);
    ASSERT_TRUE(contracts::to_job_config(spec_).ok());
    task_.spec = ledger::encode_message(spec_);
    const auto outcome = run();
    ASSERT_TRUE(outcome.ok()) << outcome.error().message;
    EXPECT_TRUE(outcome->diverged);
    EXPECT_GE(outcome->fault_step, 1U);
    EXPECT_LT(outcome->fault_step, 20U);
}

TEST_F(WorkerTest, AMissingInputIsNamed) {
    task_.data = "absent";
    const auto outcome = run();
    ASSERT_FALSE(outcome.ok());
    EXPECT_NE(outcome.error().message.find("absent"), std::string::npos) << outcome.error().message;
}

TEST_F(WorkerTest, AnUnknownBackendIsNamed) {
    task_.backend = "abacus";
    const auto outcome = run();
    ASSERT_FALSE(outcome.ok());
    EXPECT_NE(outcome.error().message.find("abacus"), std::string::npos) << outcome.error().message;
}

TEST_F(WorkerTest, MoreDevicesThanTheBackendHasAreRefused) {
    task_.devices = 2;
    const auto outcome = run();
    ASSERT_FALSE(outcome.ok());
    EXPECT_NE(outcome.error().message.find("is one device, not 2"), std::string::npos)
        << outcome.error().message;
}

TEST_F(WorkerTest, AProgramThatIsNotThereIsNamed) {
    ASSERT_TRUE(write_worker_task(folder_.path(), task_).ok());
    const auto outcome = run_worker_process("/nonexistent/assay", folder_.path(), stop_);
    ASSERT_FALSE(outcome.ok());
    EXPECT_NE(outcome.error().message.find("/nonexistent/assay"), std::string::npos);
}

TEST_F(WorkerTest, StopKillsTheProcess) {
    spec_.mutable_plan()->set_local_steps(1'000'000);
    task_.spec = ledger::encode_message(spec_);
    std::thread stopper([this] {
        while (!read_worker_progress(folder_.path())) {
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
        stop_ = true;
    });
    const auto outcome = run();
    stopper.join();
    ASSERT_FALSE(outcome.ok());
    EXPECT_EQ(outcome.error().code, Code::kUnavailable);
    EXPECT_FALSE(std::filesystem::exists(folder_.path() / kWorkerOutput));
}

// The value of a process, or nothing where /proc does not show it.
std::string oom_score_adj(const std::string& process) {
    std::ifstream in("/proc/" + process + "/oom_score_adj");
    std::string value;
    in >> value;
    return value;
}

// The process that runs with this folder as its last argument.
std::string worker_in(const std::filesystem::path& folder) {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
        std::ifstream in(entry.path() / "cmdline", std::ios::binary);
        const std::string words((std::istreambuf_iterator<char>(in)),
                                std::istreambuf_iterator<char>());
        if (words.ends_with(folder.string() + '\0')) return entry.path().filename().string();
    }
    return {};
}

TEST_F(WorkerTest, TheKernelTakesItBeforeTheNodeWhenMemoryRunsOut) {
    const std::string own = oom_score_adj("self");
    if (own.empty()) GTEST_SKIP() << "no /proc here";
    spec_.mutable_plan()->set_local_steps(1'000'000);
    task_.spec = ledger::encode_message(spec_);
    std::string seen;
    std::thread watcher([&] {
        while (!read_worker_progress(folder_.path()))
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        seen = oom_score_adj(worker_in(folder_.path()));
        stop_ = true;
    });
    EXPECT_FALSE(run().ok());
    watcher.join();
    EXPECT_EQ(seen, "1000");
    EXPECT_EQ(oom_score_adj("self"), own);
}

TEST_F(WorkerTest, ADamagedTaskFileIsRefused) {
    ASSERT_TRUE(write_text(folder_.path() / "task.json", "{\"spec\": 7}", 0644).ok());
    const auto read = read_worker_task(folder_.path());
    ASSERT_FALSE(read.ok());
    EXPECT_EQ(read.error().code, Code::kCorrupt);
    EXPECT_NE(read.error().message.find("task.json"), std::string::npos);
}

}  // namespace
}  // namespace assay::node
