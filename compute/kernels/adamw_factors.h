// What AdamW derives from its hyperparameters: binary64, each rounded once to binary32 (SPEC 1).
// Plain functions; thread-safe; no errors.
#pragma once

#include "compute/arithmetic/schedule.h"
#include "compute/kernels/backend.h"
#include "compute/kernels/kernel_table.h"

namespace assay::compute {

// The factor by which a gradient of this norm is clipped.
ASSAY_HD void set_clip(AdamWFactors& factors, float clip, float norm) {
    factors.clip = clip != 0.0F && norm > clip;
    factors.clip_factor = factors.clip ? clip / norm : 1.0F;
}

inline float lr_decay(const AdamWStep& step, bool decays) {
    return static_cast<float>(step.lr * (decays ? step.decay : 0.0));
}

// All but lr_decay, which depends on the parameter.
inline AdamWFactors adamw_factors(const AdamWStep& step, float norm) {
    const auto f = [](double v) { return static_cast<float>(v); };
    AdamWFactors factors{};
    set_clip(factors, f(step.clip), norm);
    factors.beta1 = f(step.beta1);
    factors.beta2 = f(step.beta2);
    factors.c1 = f(1.0 - step.beta1);
    factors.c2 = f(1.0 - step.beta2);
    factors.k1 = f(1.0 / (1.0 - pow_int(step.beta1, step.step)));
    factors.k2 = f(1.0 / (1.0 - pow_int(step.beta2, step.step)));
    factors.eps = f(step.eps);
    factors.lr = f(step.lr);
    return factors;
}

}  // namespace assay::compute
