// Every vector file on every backend of this machine with 1, 2, 3 and 7 threads.
#include <unistd.h>

#include <fstream>
#include <iterator>

#include "compute/kernels/cpu_backend.h"
#include "compute/self_test.h"
#include "tests/compute/plain_gpu.h"
#include "tests/compute/plain_tiles.h"
#include "tests/support/test.h"

namespace assay::compute {
namespace {

std::filesystem::path vectors() {
    return std::filesystem::path(ASSAY_SOURCE_DIR) / "tests" / "vectors";
}

void expect_all_pass(Backend& backend) {
    const auto reports = run_vectors(vectors(), backend);
    ASSERT_TRUE(reports.ok()) << reports.error().message;
    EXPECT_EQ(reports->size(), std::size(kVectorFiles));
    for (const VectorReport& report : *reports) {
        EXPECT_EQ(report.failed, 0)
            << std::string(backend.name()) << " " << report.file << " " << report.first_failure;
        EXPECT_GE(report.cases, 7) << report.file;
    }
}

void expect_all_pass(int threads) {
    for (const std::string& name : available_backends()) {
        auto backend = make_backend({name, threads});
        ASSERT_TRUE(backend.ok());
        if ((*backend)->in_host_memory()) {  // a GPU has one thread to call it from
            EXPECT_EQ((*backend)->threads(), threads);
        }
        expect_all_pass(**backend);
    }
}

TEST(vectors, pass_on_the_digit_tile) {
    for (const int threads : {1, 3}) {
        CpuBackend backend("amx in plain loops", plain_digit_kernels(), threads);
        expect_all_pass(backend);
        if (avx512_digit_kernels() == nullptr) continue;
        CpuBackend packed("amx with plain tiles", *avx512_digit_kernels(), threads);
        expect_all_pass(packed);
    }
}

TEST(vectors, pass_on_the_wide_tile) {
    for (const int threads : {1, 3}) {
        CpuBackend backend("avx512vnni in plain loops", plain_wide_kernels(), threads);
        expect_all_pass(backend);
    }
}

TEST(vectors, pass_on_the_gpu_kernels) {
    expect_all_pass(*make_plain_gpu());
}

TEST(vectors, pass_with_1_thread) {
    expect_all_pass(1);
}
TEST(vectors, pass_with_2_threads) {
    expect_all_pass(2);
}
TEST(vectors, pass_with_3_threads) {
    expect_all_pass(3);
}
TEST(vectors, pass_with_7_threads) {
    expect_all_pass(7);
}

TEST(vectors, name_the_first_wrong_element) {
    VectorReport report;
    const float expected[] = {1.0F, 2.0F}, found[] = {1.0F, 2.5F};
    report.compare("good", expected, expected);
    report.compare("bad", found, expected);
    EXPECT_EQ(report.cases, 2);
    EXPECT_EQ(report.failed, 1);
    EXPECT_EQ(report.first_failure, "bad: element 1 is 0x40200000, expected 0x40000000");
}

TEST(vectors, any_directory_of_such_files_runs_and_the_wrong_case_is_named) {
    const std::filesystem::path folder =
        std::filesystem::temp_directory_path() / ("assay-vectors-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder);
    std::ifstream in(vectors() / "sum.json");
    std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    const size_t sum = text.find("\"sum\"");
    const size_t digit = text.find_first_of("0123456789", text.find('[', text.find("f32", sum)));
    ASSERT_TRUE(digit != std::string::npos);
    text[digit] = text[digit] == '1' ? '2' : '1';
    std::ofstream(folder / "sum.json") << text;
    std::ofstream(folder / "notes.txt") << "not a vector file";
    auto backend = make_backend({"portable", 1});
    const auto reports = run_vectors(folder, **backend);
    std::filesystem::remove_all(folder);
    ASSERT_TRUE(reports.ok()) << reports.error().message;
    ASSERT_EQ(reports->size(), size_t{1});
    EXPECT_EQ(reports->front().file, "sum.json");
    EXPECT_EQ(reports->front().failed, 1);
    EXPECT_EQ(reports->front().first_failure.substr(0, 8), "sum[0]: ");
}

TEST(vectors, missing_directory_is_an_error) {
    auto backend = make_backend({"portable", 1});
    const auto reports = run_vectors("/nonexistent", **backend);
    ASSERT_FALSE(reports.ok());
    EXPECT_TRUE(reports.error().code == Code::kNotFound);
}

}  // namespace
}  // namespace assay::compute
