// Limits of the rules (docs/limits.md). Units in the names.
#pragma once

#include <cstddef>
#include <cstdint>

namespace assay::contracts {

// Job
inline constexpr size_t kMaxJobNameBytes = 64;
inline constexpr uint32_t kMinReplicas = 3;
inline constexpr uint32_t kMaxReplicas = 5;  // n_max: also after escalation
inline constexpr uint32_t kMaxJobRounds = 1024;
inline constexpr uint32_t kMaxJobShards = 64;
inline constexpr uint64_t kMaxJobTasks = 16'384;
inline constexpr uint64_t kMaxTaskWorkUnits = 1ULL << 50;
inline constexpr uint64_t kMinDeadlineMs = 1'000;
inline constexpr uint64_t kMaxDeadlineMs = 365ULL * 24 * 3600 * 1000;
inline constexpr size_t kMaxAllowedOperators = 64;
inline constexpr uint32_t kMaxPriority = 1000;
inline constexpr uint64_t kMaxPrice = 1'000'000'000'000;  // micro-units per work unit
inline constexpr uint64_t kMaxAmount = (1ULL << 63) - 1;  // also the largest supply

// Provider
inline constexpr size_t kMaxMonikerBytes = 64;
inline constexpr size_t kMaxEndpointBytes = 128;
inline constexpr size_t kMaxDeviceBytes = 96;
inline constexpr size_t kMaxBackendBytes = 32;
inline constexpr uint64_t kMaxSampleShapes = 8;
inline constexpr uint32_t kMaxCapacity = 64;
inline constexpr uint64_t kMaxScore = 1'000'000'000'000;  // milli work units per second
inline constexpr uint64_t kMaxMemoryMb = 1ULL << 30;
inline constexpr uint32_t kMaxMissedAccepts = 2;  // in a row, then suspended

// Stake and tasks
inline constexpr int kMaxUnbondings = 16;    // entries that wait at a time, per operator
inline constexpr int kMaxSlotsPerTask = 48;  // then the oldest that brought no vote are dropped
inline constexpr uint64_t kSlotMemoryMs = 10ULL * 60 * 1000;  // a slot without a vote bars so long
inline constexpr uint64_t kMinAcceptBlocks = 2;               // an offer stands at least so long
inline constexpr uint64_t kMinWindowBlocks = 6;     // so does a window for commits or reveals
inline constexpr uint64_t kLongSilenceMs = 30'000;  // between blocks: windows start to count anew
inline constexpr size_t kSaltBytes = 32;
inline constexpr size_t kMaxPayloadBytes = 32 * 1024;

// Work per block; what is left over goes on in the next block.
inline constexpr size_t kMaxTimedEdgesPerBlock = 1024;
inline constexpr size_t kMaxMatchesPerBlock = 256;
inline constexpr size_t kMaxReleasesPerBlock = 1024;

// Queries
inline constexpr size_t kMaxPageItems = 500;

}  // namespace assay::contracts
