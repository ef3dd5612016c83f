// soak_equality [STEPS]: a small GPT on every backend with 1, 2, 3 and 7 threads and through kills,
// equal roots at every step. soak_equality --gpt2 [STEPS]: GPT-2 124M on the best backend and the
// best one after it, all threads. Exit status 1 at the first difference.
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "compute/kernels/backend.h"
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

// The two best backends that this machine has.
int compare_gpt2(uint32_t steps) {
    auto names = available_backends();
    if (names.size() < 2 || names[1] == "portable") {
        std::printf("GPT-2 needs two fast backends; this machine has %s\n", names[0].c_str());
        return 2;
    }
    auto training = testing::equality_training(steps);
    training.job.model = GptConfig{50257, 256, 768, 12, 12};
    training.job.optimizer.warmup_steps = std::min(steps, training.job.optimizer.warmup_steps);
    const auto expected = testing::run(training, {names[1], 0});
    const auto found = testing::run(training, {names[0], 0});
    for (const auto* roots : {&expected, &found}) {
        if (roots->ok()) continue;
        std::fprintf(stderr, "%s\n", roots->error().message.c_str());
        return 1;
    }
    return equal(*found, *expected, (names[0] + " against " + names[1]).c_str()) ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc > 1 && std::string(argv[1]) == "--gpt2")
        return compare_gpt2(argc > 2 ? static_cast<uint32_t>(std::atoi(argv[2])) : 20);
    const int steps = argc > 1 ? std::atoi(argv[1]) : 10'000;
    if (steps < 1 || argc > 2) {
        std::fprintf(stderr, "usage: soak_equality [--gpt2] [STEPS]\n");
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
    const auto turns = testing::run_in_turns(training, testing::machines(), 25);
    all = turns.ok() && equal(*turns, *expected, "machines taking turns") && all;
    int kills = 0;
    const auto roots = testing::run_with_kills(training, testing::machines(), 2000, kills);
    all = roots.ok() && equal(*roots, *expected, "killed and resumed elsewhere") && all;
    std::printf("%d kills; %s\n", kills, all ? "PASS" : "FAIL");
    return all ? 0 : 1;
}
