// soak_functions: exp32, log32 and tanh32 at every one of the 2^32 floats, against binary64. Prints
// the largest error in units in the last place, and where; exit status 1 when an error is above the
// bound that docs/arithmetic.md states, or a value outside the domain is not reported.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <thread>
#include <vector>

#include "compute/arithmetic/trees.h"

namespace {

using namespace assay::compute;

struct Worst {
    double ulps = 0;
    float at = 0;
    uint64_t tested = 0, unreported = 0;
};

// Distance of `found` from `exact` in units of the last place of the float nearest to `exact`.
double ulps(float found, double exact) {
    const float near = static_cast<float>(exact);
    int exponent = 0;
    std::frexp(near, &exponent);
    const double unit = std::ldexp(1.0, std::max(exponent - 24, -149));
    return std::fabs(double{found} - exact) / unit;
}

struct Function {
    const char* name;
    double bound;  // ulps
    float (*ours)(float, bool&);
    double (*exact)(double);
    bool (*in_domain)(float);
};

Worst try_all(const Function& f, uint64_t begin, uint64_t end) {
    Worst worst;
    for (uint64_t bits = begin; bits < end; ++bits) {
        const float x = from_bits(static_cast<uint32_t>(bits));
        bool fault = false;
        const float y = f.ours(x, fault);
        if (!f.in_domain(x)) {
            worst.unreported += fault ? 0 : 1;
            continue;
        }
        ++worst.tested;
        worst.unreported += fault ? 1 : 0;
        const double error = ulps(y, f.exact(double{x}));
        if (error > worst.ulps) {
            worst.ulps = error;
            worst.at = x;
        }
    }
    return worst;
}

Worst try_all(const Function& f) {
    const unsigned threads = std::max(1U, std::thread::hardware_concurrency());
    std::vector<Worst> parts(threads);
    std::vector<std::thread> running;
    for (unsigned i = 0; i < threads; ++i)
        running.emplace_back([&, i] {
            parts[i] = try_all(f, (uint64_t{1} << 32) * i / threads,
                               (uint64_t{1} << 32) * (i + 1) / threads);
        });
    for (auto& each : running) each.join();
    Worst all;
    for (const Worst& part : parts) {
        all.tested += part.tested;
        all.unreported += part.unreported;
        if (part.ulps > all.ulps) {
            all.ulps = part.ulps;
            all.at = part.at;
        }
    }
    return all;
}

// What docs/arithmetic.md promises.
const Function kFunctions[] = {
    {"exp32", 0.99, [](float x, bool& fault) { return exp32(x, fault); },
     [](double x) { return x < -87.0 ? 0.0 : std::exp(x); },
     [](float x) { return is_finite(x) && x <= 88.0F; }},
    {"log32", 0.83, [](float x, bool& fault) { return log32(x, fault); },
     [](double x) { return std::log(x); }, [](float x) { return is_finite(x) && x >= pow2(-126); }},
    {"tanh32", 1.33, [](float x, bool& fault) { return tanh32(x, fault); },
     [](double x) { return std::tanh(x); }, [](float x) { return is_finite(x); }},
};

}  // namespace

int main() {
    bool all = true;
    for (const Function& f : kFunctions) {
        const Worst worst = try_all(f);
        // The bounds have two decimals.
        const bool good = worst.ulps < f.bound + 0.005 && worst.unreported == 0 && worst.tested > 0;
        all = all && good;
        std::printf(
            "%-8s %10llu values, at most %.3f ulp (at %a), bound %.2f, %llu wrong domain: %s\n",
            f.name, static_cast<unsigned long long>(worst.tested), worst.ulps,
            static_cast<double>(worst.at), f.bound,
            static_cast<unsigned long long>(worst.unreported), good ? "ok" : "WRONG");
        std::fflush(stdout);
    }
    return all ? 0 : 1;
}
