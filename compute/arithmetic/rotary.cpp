#include "compute/arithmetic/rotary.h"

#include "compute/arithmetic/schedule.h"

namespace assay::compute {
namespace {

constexpr double kLn2 = 0.6931471805599453;
constexpr double kPi = 3.141592653589793;
constexpr double kSqrt2 = 1.4142135623730951;

// cos(pi u) for 0 <= u < 2.
double cos_turn(double u) {
    return u <= 1.0 ? cos_pi(u) : cos_pi(2.0 - u);
}

// floor of 0 <= x < 2^52.
double whole(double x) {
    return static_cast<double>(static_cast<int64_t>(x));
}

double from_nano(uint64_t nano) {
    return static_cast<double>(nano) / 1e9;
}

double scaled(double half_turns, const RopeScaling& scaling) {
    const double far = half_turns / from_nano(scaling.factor_nano);
    if (scaling.original_context == 0) return far;
    const double low = from_nano(scaling.low_freq_factor_nano);
    const double high = from_nano(scaling.high_freq_factor_nano);
    const double turns = static_cast<double>(scaling.original_context) * (half_turns * 0.5);
    const double s = (turns - low) / (high - low);
    if (s <= 0.0) return far;
    return s >= 1.0 ? half_turns : (1.0 - s) * far + s * half_turns;
}

}  // namespace

double log64(double x) {
    double e = 0.0;
    while (x >= 2.0) {
        x = x * 0.5;
        e = e + 1.0;
    }
    if (x >= kSqrt2) {
        x = x * 0.5;
        e = e + 1.0;
    }
    const double t = (x - 1.0) / (x + 1.0);
    const double z = t * t;
    double s = 0.0;
    for (int n = 27; n > 0; n -= 2) s = s * z + 1.0 / n;
    return e * kLn2 + (t + t) * s;
}

double exp64(double y) {
    int halvings = 0;
    while (y < -kLn2) {
        y = y + kLn2;
        ++halvings;
    }
    double s = 1.0;
    for (int n = 20; n > 0; --n) s = 1.0 + s * (y / n);
    for (; halvings > 0; --halvings) s = s * 0.5;
    return s;
}

std::vector<float> rotary_table(int64_t context, int64_t head_dim, double base,
                                const RopeScaling& scaling) {
    const int64_t half = head_dim / 2;
    std::vector<float> table(static_cast<size_t>(context * head_dim));
    const double slope = log64(base) / static_cast<double>(half);
    for (int64_t i = 0; i < half; ++i) {
        const double unscaled = exp64(-(slope * static_cast<double>(i))) / kPi;
        const double half_turns = scaled(unscaled, scaling);  // a position
        for (int64_t t = 0; t < context; ++t) {
            const double turns = static_cast<double>(t) * half_turns;
            const double u = turns - 2.0 * whole(turns * 0.5);
            const double v = u >= 0.5 ? u - 0.5 : u + 1.5;  // a sine is a cosine, later
            float* row = table.data() + t * head_dim;
            row[i] = static_cast<float>(cos_turn(u));
            row[half + i] = static_cast<float>(cos_turn(v));
        }
    }
    return table;
}

}  // namespace assay::compute
