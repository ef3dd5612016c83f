// soak_equality [STEPS]: a small GPT on every backend with 1, 2, 3 and 7 threads and through kills,
// equal roots at every step. soak_equality --gpt2 [STEPS]: GPT-2 124M on the best backend and the
// best one after it, all threads. soak_equality --devices [STEPS]: batches split over several
// GPUs, or over one that stands for two and for three. Exit status 1 at the first difference.
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "compute/cuda/cuda.h"
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

// Several backends on one GPU do everything that several GPUs do, but the way between them.
int compare_devices(uint32_t steps) {
    const auto training = testing::equality_training(steps);
    const auto expected = testing::run(training, {available_backends().back(), 2});
    if (!expected.ok()) return 1;
    std::vector<std::vector<int>> choices = {{0, 0}, {0, 0, 0}};
    std::vector<int> all;
    for (int i = 0; i < std::min(cuda_devices(), kMaxDevices); ++i) all.push_back(i);
    if (all.size() > 1) choices.push_back(all);
    bool same = true;
    for (const auto& devices : choices) {
        const auto backend = make_cuda_backend(devices);
        if (!backend.ok()) {
            std::fprintf(stderr, "%s\n", backend.error().message.c_str());
            return 2;
        }
        const auto roots = testing::run(training, **backend);
        std::string name = "GPUs";
        for (const int device : devices) name += " " + std::to_string(device);
        same = roots.ok() && equal(*roots, *expected, name.c_str()) && same;
    }
    return same ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc > 1 && std::string(argv[1]) == "--gpt2")
        return compare_gpt2(argc > 2 ? static_cast<uint32_t>(std::atoi(argv[2])) : 20);
    if (argc > 1 && std::string(argv[1]) == "--devices")
        return compare_devices(argc > 2 ? static_cast<uint32_t>(std::atoi(argv[2])) : 200);
    const int steps = argc > 1 ? std::atoi(argv[1]) : 10'000;
    if (steps < 1 || argc > 2) {
        std::fprintf(stderr, "usage: soak_equality [--gpt2 | --devices] [STEPS]\n");
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
