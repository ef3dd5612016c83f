// A classifier learns real images: a slice of Fashion-MNIST (Debian: dataset-fashion-mnist), if
// present.
#include <bit>
#include <cstdio>

#include "compute/data/import.h"
#include "tests/compute/train_test_support.h"

namespace assay::compute {
namespace {

using testing::backend;
using testing::file_bytes;
using testing::TemporaryFolder;

const std::string kFolder = "/usr/share/datasets/fashion-mnist/";
constexpr uint32_t kImages = 500;
constexpr uint32_t kLastLossBits = 0x3f0b1609;  // 0.5433, on every machine

// The first bytes of a gzip file; empty when it or gzip is missing.
Bytes unpacked(const std::string& file, size_t size) {
    Bytes bytes(size);
    std::FILE* pipe = ::popen(("gzip -dc " + kFolder + file + " 2>/dev/null").c_str(), "r");
    if (pipe == nullptr) return {};
    const size_t got = std::fread(bytes.data(), 1, size, pipe);
    ::pclose(pipe);
    return got == size ? bytes : Bytes{};
}

// An IDX file cut to kImages entries.
Bytes cut(const std::string& file, size_t header, size_t item) {
    Bytes bytes = unpacked(file, header + kImages * item);
    if (bytes.empty()) return bytes;
    for (size_t i = 0; i < 4; ++i) bytes[4 + i] = static_cast<uint8_t>(kImages >> (24 - 8 * i));
    return bytes;
}

JobConfig image_job() {
    JobConfig job;
    job.model = MlpConfig{784, {32}, 10};
    job.optimizer.lr_nano = 3'000'000;
    job.optimizer.min_lr_nano = 300'000;
    job.optimizer.warmup_steps = 5;
    job.optimizer.beta2_nano = 999'000'000;
    job.plan = {1, 1, 60, 32, 0, 0};
    job.seed = 2024;
    return job;
}

TEST(Images, AnMlpLearnsFashionMnistWithTheSameBitsOnEveryBackend) {
    const Bytes images = cut("train-images-idx3-ubyte.gz", 16, 784);
    const Bytes labels = cut("train-labels-idx1-ubyte.gz", 8, 1);
    if (images.empty() || labels.empty()) {
#if defined(GTEST_SKIP)
        GTEST_SKIP() << "dataset-fashion-mnist is not installed";
#else
        return;
#endif
    }
    const TemporaryFolder folder;
    ASSERT_TRUE(write_file(folder / "images", images).ok());
    ASSERT_TRUE(write_file(folder / "labels", labels).ok());
    ASSERT_TRUE(
        import_data(ImportKind::kIdx, {folder / "images", folder / "labels"}, folder / "data")
            .ok());
    TaskInputs inputs;
    inputs.data = folder / "data";
    Bytes output;
    for (const std::string& name : available_backends()) {
        const auto on = backend(name, 2);
        ASSERT_TRUE(run_train_task(image_job(), 0, 0, inputs, {folder / "out", folder / "trace"},
                                   {on.get(), {}, nullptr})
                        .ok());
        const auto trace = read_trace(folder / "trace");
        ASSERT_TRUE(trace.ok());
        const float first = trace->steps.front().loss, last = trace->steps.back().loss;
        EXPECT_GT(first, 2.0F);
        EXPECT_LT(last, 0.6F);
        EXPECT_EQ(std::bit_cast<uint32_t>(last), kLastLossBits) << name;
        if (output.empty()) output = file_bytes(folder / "out");
        EXPECT_TRUE(file_bytes(folder / "out") == output) << name;
    }
}

}  // namespace
}  // namespace assay::compute
