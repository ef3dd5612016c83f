// The angles of rotary positions, binary64 with + - * / only (docs/arithmetic.md).
// Plain functions; thread-safe; no errors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace assay::compute {

// How frequencies are lowered for contexts longer than those of a model's first training. Linear:
// the factor alone, for all of them. As Llama 3: those with at most `low` turns in the original
// context by the factor, those with at least `high` not at all, a mean of both between.
struct RopeScaling {
    uint64_t factor_nano = 1'000'000'000;
    uint64_t low_freq_factor_nano = 0, high_freq_factor_nano = 0;
    uint32_t original_context = 0;  // 0: linear
    bool operator==(const RopeScaling&) const = default;
};

// (context x head_dim): row t holds cos(t w_i), then sin(t w_i), i < head_dim / 2, rounded once
// from binary64; w_i = base^(-2 i / head_dim), scaled. head_dim even, base >= 1.
std::vector<float> rotary_table(int64_t context, int64_t head_dim, double base,
                                const RopeScaling& scaling = {});

// Natural logarithm of x >= 1; e^y for -100 <= y <= 0. Errors below 1e-15.
double log64(double x);
double exp64(double y);

}  // namespace assay::compute
