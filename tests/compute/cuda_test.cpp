// The CUDA backend as it is compiled, its host code, kernels and calls of cuBLASLt, on emulated
// GPUs (tests/gpu_emulator): vectors, and whole training steps on one GPU and on several, with the
// bits of the portable backend. kernels_random_test.cpp is part of the same program.
#include "compute/cuda/cuda.h"
#include "compute/models/model.h"
#include "compute/self_test.h"
#include "compute/train/trainer.h"
#include "tests/compute/equality.h"
#include "tests/compute/train_test_support.h"
#include "tests/gpu_emulator/emulator.h"
#include "tests/support/test.h"

namespace assay::compute {
namespace {

std::unique_ptr<Backend> gpu() {
    auto made = make_backend({"cuda", 1});
    EXPECT_TRUE(made.ok()) << made.error().message;
    return std::move(*made);
}

TEST(Cuda, VectorsPass) {
    const auto backend = gpu();
    const auto reports =
        run_vectors(std::filesystem::path(ASSAY_SOURCE_DIR) / "tests" / "vectors", *backend);
    ASSERT_TRUE(reports.ok()) << reports.error().message;
    EXPECT_EQ(reports->size(), std::size(kVectorFiles));
    for (const VectorReport& report : *reports) {
        EXPECT_EQ(report.failed, 0) << report.file << " " << report.first_failure;
        EXPECT_GE(report.cases, 7) << report.file;
    }
    EXPECT_EQ(backend->failure(), "");
}

void expect_portable_roots(const testing::Training& training, Backend& backend) {
    const auto expected = testing::run(training, {"portable", 1});
    const auto found = testing::run(training, backend);
    ASSERT_TRUE(expected.ok() && found.ok()) << backend.failure();
    EXPECT_EQ(found->size(), training.job.plan.total_steps());
    EXPECT_TRUE(*found == *expected);
}

TEST(Cuda, StepsHaveThePortableRoots) {
    for (const uint32_t slices : {1U, 2U, 3U}) {
        auto training = testing::equality_training(slices == 2 ? 10 : 2);
        training.job.slices = slices;
        expect_portable_roots(training, *gpu());
    }
}

// Attention leaves out what lies above the diagonal, by blocks of 128 rows.
TEST(Cuda, StepsOfLongSequencesHaveThePortableRoots) {
    auto training = testing::equality_training(1);
    training.job.model = GptConfig{256, 290, 16, 1, 2};
    training.job.plan.batch = 1;
    expect_portable_roots(training, *gpu());
}

TEST(Cuda, LlamaStepsHaveThePortableRoots) {
    auto training = testing::equality_training(3);
    training.job.model = LlamaConfig{256, 16, 32, 2, 4, 2, 48};
    expect_portable_roots(training, *gpu());
}

// Each GPU in a thread of its own, its work on its own stream.
TEST(Cuda, SeveralGpusHaveThePortableRoots) {
    for (const auto& devices : {std::vector<int>{0, 1}, std::vector<int>{1, 0, 1}}) {
        const auto backend = make_cuda_backend(devices);
        ASSERT_TRUE(backend.ok()) << backend.error().message;
        expect_portable_roots(testing::equality_training(3), **backend);
    }
}

TEST(Cuda, ADivergenceIsAFaultAtTheSameStep) {
    auto training = testing::equality_training(40);
    training.job.optimizer.lr_nano = 900'000'000'000;
    training.job.optimizer.clip_nano = 0;
    const auto first_fault = [&](Backend& backend) {
        return testing::first_fault(
            Trainer::create(training.job, training.data, 0, backend,
                            *initial_state(training.job.model, training.job.seed)),
            40);
    };
    const auto host = make_backend({"portable", 1});
    const std::string expected = first_fault(**host);
    EXPECT_NE(expected.find("diverged at step"), std::string::npos) << expected;
    EXPECT_EQ(first_fault(*gpu()), expected);
}

TEST(Cuda, OutOfMemorySaysHowMuchIsMissing) {
    const auto backend = gpu();
    const uint64_t free = backend->free_bytes();
    EXPECT_GT(free, uint64_t{1} << 30);
    EXPECT_TRUE(backend->allocate(free + 1) == nullptr);
    EXPECT_EQ(backend->failure(), "the GPU is out of memory: " + std::to_string(free + 1) +
                                      " bytes more are needed, " + std::to_string(free) + " of " +
                                      std::to_string(uint64_t{2} << 30) + " are free");
}

// GPUs that are lost at any call of CUDA or cuBLASLt end the training with an error, never with
// another result, and never wait for each other in vain.
void expect_errors_when_lost(const std::vector<int>& devices, int64_t stride) {
    const auto training = testing::equality_training(1);
    const auto expected = testing::run(training, {"portable", 1});
    ASSERT_TRUE(expected.ok());
    (void)gpu();  // its products are checked once a process
    auto& machine = gpu_emulator::machine();
    int lost_making = 0, lost_training = 0;
    for (int64_t calls = 0;; calls += calls < 40 ? 1 : stride) {
        machine.lose_after(calls);
        const auto backend = make_cuda_backend(devices);
        if (!backend.ok()) {
            ++lost_making;
            EXPECT_EQ(backend.error().message.substr(0, 8), "no GPU: ");
            machine.restore();
            continue;
        }
        const auto found = testing::run(training, **backend);
        machine.restore();
        if (found.ok()) {
            EXPECT_TRUE(*found == *expected);
            break;
        }
        ++lost_training;
        EXPECT_TRUE(found.error().code == Code::kUnavailable ||
                    found.error().code == Code::kOutOfMemory)
            << calls << " " << found.error().message;
    }
    EXPECT_GT(lost_making, 4);
    EXPECT_GT(lost_training, 10);
}
TEST(Cuda, AGpuLostAtAnyCallIsAnError) {
    expect_errors_when_lost({0}, 97);
}
TEST(Cuda, GpusLostAtAnyCallAreAnError) {
    expect_errors_when_lost({0, 1}, 211);
}

TEST(Cuda, ADeviceThatIsNotThereIsNamed) {
    const auto backend = make_cuda_backend({0, 2});
    ASSERT_FALSE(backend.ok());
    EXPECT_EQ(backend.error().message, "no GPU: device 2 is asked for and there are 2");
    // What failed before is not taken for the failure of what comes after.
    const float x = 1.5F;
    float sum = 0.0F;
    const auto next = gpu();
    next->sum(&x, 1, &sum);
    EXPECT_EQ(next->failure(), "");
    EXPECT_EQ(sum, 1.5F);
}

}  // namespace
}  // namespace assay::compute
