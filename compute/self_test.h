// Runs a directory of OFA-1 vector files (docs/arithmetic.md) on a backend and says what differs.
//
// Files: those of kVectorFiles (.json) that the directory has, as the reference program writes
// them; float32 as bit patterns. Other files are left alone. Threads: one run per backend at a
// time. Errors: kNotFound for no vector file at all, kCorrupt for a malformed one; a wrong bit is
// no Error but a failed case in the report.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "compute/arithmetic/rotary.h"
#include "compute/json/json.h"
#include "compute/kernels/backend.h"

namespace assay::compute {

// Cases of one file. A case is one compared array.
struct VectorReport {
    std::string file;
    int64_t cases = 0;
    int64_t failed = 0;
    std::string first_failure;  // case, element, expected and found bits

    // Counts one case; `label` names it.
    void compare(const std::string& label, std::span<const float> found,
                 std::span<const float> expected);
    void compare_words(const std::string& label, std::span<const uint64_t> found,
                       std::span<const uint64_t> expected);
    void fail_case(const std::string& label, const std::string& what);
};

// {"shape": [...], "f32": [bits...]} or {"shape": [...], "i64": [...]}.
struct FloatArray {
    std::vector<int64_t> shape;
    std::vector<float> data;
    int64_t rows() const { return shape.empty() ? 1 : shape[0]; }
    int64_t cols() const { return shape.size() < 2 ? 1 : shape[1]; }
};
Result<FloatArray> read_floats(const json::Value& value);
Result<std::vector<int64_t>> read_integers(const json::Value& value);
// Member of an object, or kCorrupt naming it.
Result<const json::Value*> member(const json::Value& object, std::string_view key);
// The member "rope_scaling"; nothing where there is none.
Result<std::optional<RopeScaling>> read_rope_scaling(const json::Value& object);

inline constexpr const char* kVectorFiles[] = {"sum",    "gemm",   "gemm_folded", "functions",
                                               "layers", "random", "training",    "llama",
                                               "lora",   "cnn",    "rotary"};

Result<std::vector<VectorReport>> run_vectors(const std::filesystem::path& directory,
                                              Backend& backend);

// training.json, llama.json, lora.json, cnn.json: whole runs of the references. Defined beside the
// trainer, in compute/train/self_test_training.cpp; adds one case per loss list and tensor.
Status check_training_vectors(const json::Value& runs, Backend& backend, VectorReport& report);

}  // namespace assay::compute
