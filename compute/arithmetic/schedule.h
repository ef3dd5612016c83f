// Binary64 values derived from hyperparameters: + - * / only, so every machine gets the same bits.
//
// The trees are normative (docs/arithmetic.md). Threads: pure functions. Errors: none.
#pragma once

#include <cstdint>

namespace assay::compute {

// base^n by repeated squaring, least significant bit first.
double pow_int(double base, uint64_t n);

// cos(pi * t) for 0 <= t <= 1. t folded to f in [0, 1/4] by exact or single operations, then a
// Taylor polynomial in (pi f)^2 of cosine or sine; error below 1e-15.
double cos_pi(double t);

// Learning rate at `step` (from 0) of `total` steps: lr * (step + 1) / warmup while step < warmup,
// then min_lr + ((lr - min_lr) * 0.5) * (1 + cos_pi((step - warmup) / (total - warmup))).
// min_lr == lr gives a constant rate after warm-up. Past the end: min_lr.
double learning_rate(double lr, double min_lr, uint64_t warmup, uint64_t total, uint64_t step);

}  // namespace assay::compute
