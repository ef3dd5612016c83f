// soak_equality [STEPS]: a small GPT on every backend with 1, 2, 3 and 7 threads and through kills,
// equal roots at every step. Exit status 1 at the first difference.
#include <cstdio>
#include <cstdlib>

#include "tests/compute/equality.h"

namespace {

using namespace assay::compute;

bool equal(const testing::Roots& roots, const testing::Roots& expected, const char* what) {
    for (size_t i = 0; i < expected.size(); ++i) {
        if (i < roots.size() && roots[i] == expected[i]) continue;
        std::printf("%s: differs at step %zu\n", what, i);
        return false;
    }
    std::printf("%s: %zu equal roots\n", what, expected.size());
    std::fflush(stdout);
    return roots.size() == expected.size();
}

}  // namespace

int main(int argc, char** argv) {
    const int steps = argc > 1 ? std::atoi(argv[1]) : 10'000;
    if (steps < 1 || argc > 2) {
        std::fprintf(stderr, "usage: soak_equality [STEPS]\n");
        return 2;
    }
    const auto training = testing::equality_training(static_cast<uint32_t>(steps));
    const auto expected = testing::run(training, {"portable", 2});
    if (!expected.ok()) {
        std::fprintf(stderr, "%s\n", expected.error().message.c_str());
        return 1;
    }
    bool all = true;
    for (const auto& machine : testing::machines()) {
        const auto roots = testing::run(training, machine);
        all = roots.ok() && equal(*roots, *expected, machine.text().c_str()) && all;
    }
    int kills = 0;
    const auto roots = testing::run_with_kills(training, testing::machines(), 2000, kills);
    all = roots.ok() && equal(*roots, *expected, "killed and resumed elsewhere") && all;
    std::printf("%d kills; %s\n", kills, all ? "PASS" : "FAIL");
    return all ? 0 : 1;
}
