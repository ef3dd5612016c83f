// The angles of rotary positions, binary64 with + - * / only (docs/arithmetic.md).
// Plain functions; thread-safe; no errors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace assay::compute {

// (context x head_dim): row t holds cos(t w_i), then sin(t w_i), i < head_dim / 2, rounded once
// from binary64; w_i = base^(-2 i / head_dim). head_dim even, base >= 1.
std::vector<float> rotary_table(int64_t context, int64_t head_dim, double base);

// Natural logarithm of x >= 1; e^y for -100 <= y <= 0. Errors below 1e-15.
double log64(double x);
double exp64(double y);

}  // namespace assay::compute
