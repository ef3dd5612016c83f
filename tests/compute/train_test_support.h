// Shared by the training tests: a folder per test, small jobs, real and made-up data, backends.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "compute/checkpoint/file_io.h"
#include "compute/kernels/backend.h"
#include "compute/models/config.h"
#include "compute/train/task.h"
#include "compute/train/trainer.h"
#include "tests/support/test.h"

namespace assay::compute::testing {

// A fresh folder, removed at the end.
class TemporaryFolder {
public:
    TemporaryFolder() {
        std::string pattern = (std::filesystem::temp_directory_path() / "assay-XXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr) std::abort();
        path_ = pattern;
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    ~TemporaryFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

private:
    std::filesystem::path path_;
};

inline Bytes file_bytes(const std::filesystem::path& path) {
    auto bytes = read_file(path, 1ull << 30);
    EXPECT_TRUE(bytes.ok()) << path;
    return bytes.ok() ? *std::move(bytes) : Bytes{};
}

// What the first step that fails says.
inline std::string first_fault(Result<std::unique_ptr<Trainer>> trainer, uint64_t steps) {
    EXPECT_TRUE(trainer.ok());
    for (uint64_t step = 0; trainer.ok() && step < steps; ++step) {
        const auto result = (*trainer)->step(step);
        if (!result.ok()) return result.error().message;
    }
    return "none";
}

inline std::unique_ptr<Backend> backend(const std::string& name, int threads = 1) {
    auto made = make_backend({name, threads});
    EXPECT_TRUE(made.ok()) << name;
    return made.ok() ? *std::move(made) : nullptr;
}

// Text with some structure, the same on every machine.
inline Bytes made_up_text(size_t size) {
    Bytes text;
    uint32_t state = 12345;
    while (text.size() < size) {
        state = state * 1664525u + 1013904223u;
        for (uint32_t i = 0; i < 3 + (state >> 28) % 5; ++i)
            text.push_back(static_cast<uint8_t>('a' + (state >> (8 + i)) % 7));
        text.push_back(' ');
    }
    text.resize(size);
    return text;
}

inline JobConfig small_gpt_job() {
    JobConfig job;
    job.model = GptConfig{128, 8, 16, 2, 2};
    job.optimizer.lr_nano = 10'000'000;
    job.optimizer.min_lr_nano = 1'000'000;
    job.optimizer.warmup_steps = 2;
    job.plan = {3, 1, 2, 2, 0, 0};
    job.seed = 77;
    return job;
}

inline JobConfig small_mlp_job() {
    JobConfig job;
    job.model = MlpConfig{6, {9, 5}, 3};
    job.optimizer.lr_nano = 10'000'000;
    job.optimizer.min_lr_nano = 10'000'000;
    job.plan = {3, 1, 2, 4, 0, 0};
    job.seed = 78;
    return job;
}

}  // namespace assay::compute::testing
