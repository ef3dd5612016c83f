// Limits of jobs that the compute side accepts (docs/limits.md). Units in the names.
#pragma once

#include <cstdint>

namespace assay::compute {

inline constexpr uint32_t kMaxVocab = 1u << 20;
inline constexpr uint32_t kMaxContext = 1u << 16;
inline constexpr uint32_t kMaxModelWidth = 1u << 15;  // d_model, mlp layer widths
inline constexpr uint32_t kMaxLayers = 256;
inline constexpr uint32_t kMaxHeads = 512;
inline constexpr uint64_t kMaxRopeFactorNano = 1'000'000'000'000;  // 1000
inline constexpr uint32_t kMaxOriginalContext = 1u << 24;
inline constexpr uint32_t kMaxMlpInputs = 1u << 22;
inline constexpr uint32_t kMaxHiddenLayers = 64;
inline constexpr uint32_t kMaxImageSide = 2048;
inline constexpr uint32_t kMaxFilters = 4096;  // channels too
inline constexpr uint32_t kMaxConvolutions = 64;
inline constexpr uint32_t kMaxClasses = 1u << 16;
inline constexpr uint32_t kMaxLoraRank = 1024;
inline constexpr uint32_t kMaxBatch = 1u << 16;         // samples per step and shard
inline constexpr uint64_t kMaxStepRows = 1ull << 24;    // batch * context
inline constexpr uint64_t kMaxParameters = 1ull << 36;  // elements
inline constexpr uint32_t kMaxRounds = 1u << 20;
inline constexpr uint32_t kMaxShards = 1024;
inline constexpr uint32_t kMaxLocalSteps = 1u << 20;
inline constexpr uint64_t kMaxTotalSteps = 0xFFFFFFFF;  // the step is one Philox counter word
inline constexpr uint64_t kMaxLearningRateNano = 1'000'000'000'000;  // 1000
inline constexpr uint64_t kOneNano = 1'000'000'000;                  // 1.0

}  // namespace assay::compute
