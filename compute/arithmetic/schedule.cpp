#include "compute/arithmetic/schedule.h"

namespace assay::compute {
namespace {

constexpr double kPi = 3.141592653589793;

// Taylor polynomials in z = x * x, highest term first, for 0 <= x <= pi / 4.
double cos_small(double z) {
    double y = 1.0 / 20922789888000.0;  // 1 / 16!
    y = y * z - 1.0 / 87178291200.0;
    y = y * z + 1.0 / 479001600.0;
    y = y * z - 1.0 / 3628800.0;
    y = y * z + 1.0 / 40320.0;
    y = y * z - 1.0 / 720.0;
    y = y * z + 1.0 / 24.0;
    y = y * z - 0.5;
    return y * z + 1.0;
}

double sin_small(double x, double z) {
    double y = -1.0 / 1307674368000.0;  // -1 / 15!
    y = y * z + 1.0 / 6227020800.0;
    y = y * z - 1.0 / 39916800.0;
    y = y * z + 1.0 / 362880.0;
    y = y * z - 1.0 / 5040.0;
    y = y * z + 1.0 / 120.0;
    y = y * z - 1.0 / 6.0;
    return (y * z) * x + x;
}

}  // namespace

double pow_int(double base, uint64_t n) {
    double result = 1.0;
    for (; n != 0; n >>= 1) {
        if ((n & 1) != 0) result *= base;
        base *= base;
    }
    return result;
}

double cos_pi(double t) {
    const bool mirrored = t > 0.5;  // cos(pi t) = -cos(pi (1 - t))
    const double f = mirrored ? 1.0 - t : t;
    double y = 0.0;
    if (f <= 0.25) {
        const double x = kPi * f;
        y = cos_small(x * x);
    } else {  // cos(pi f) = sin(pi (1/2 - f))
        const double x = kPi * (0.5 - f);
        y = sin_small(x, x * x);
    }
    return mirrored ? -y : y;
}

double learning_rate(double lr, double min_lr, uint64_t warmup, uint64_t total, uint64_t step) {
    if (step < warmup) return (lr * static_cast<double>(step + 1)) / static_cast<double>(warmup);
    if (step >= total) return min_lr;
    const double t = static_cast<double>(step - warmup) / static_cast<double>(total - warmup);
    return min_lr + ((lr - min_lr) * 0.5) * (1.0 + cos_pi(t));
}

}  // namespace assay::compute
