// gpu_profile [LAYERS WIDTH HEADS CONTEXT BATCH VOCABULARY]: one training step of a GPT on an
// emulated GPU, and what each kernel did in it: the instructions of its warps, about how many turns
// of a scheduler they take (slots), the share of their lanes that took part, global memory asked
// for and moved in sectors of 32 bytes, and the turns that an access to shared memory took (1: no
// two lanes met in a bank). Counts, not times. Exit status 1 where the state after the step differs
// from the one on the best CPU backend.
#include <cxxabi.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "compute/kernels/backend.h"
#include "compute/train/trainer.h"
#include "tests/gpu_emulator/emulator.h"

namespace {

using namespace assay;
using namespace assay::compute;

// "LayerNorm" of the mangled run_blocks<LayerNorm>.
std::string short_name(const std::string& mangled) {
    char* text = abi::__cxa_demangle(mangled.c_str(), nullptr, nullptr, nullptr);
    std::string name = text == nullptr ? mangled : text;
    std::free(text);
    for (const char* part : {"void assay::compute::gpu::run_blocks<", "assay::compute::gpu::"})
        for (size_t at = name.find(part); at != std::string::npos; at = name.find(part))
            name.erase(at, std::string_view(part).size());
    return name.substr(0, name.rfind(">("));
}

double share(uint64_t part, uint64_t whole) {
    return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

void print(const std::map<std::string, gpu_emulator::Counters>& counters) {
    std::vector<std::pair<std::string, gpu_emulator::Counters>> rows(counters.begin(),
                                                                     counters.end());
    std::sort(rows.begin(), rows.end(),
              [](const auto& a, const auto& b) { return a.second.slots > b.second.slots; });
    std::printf("%-28s %8s %9s %12s %12s %6s %9s %9s %6s %6s\n", "kernel", "launches", "blocks",
                "warp instr.", "slots", "lanes", "MB asked", "MB moved", "ratio", "turns");
    for (const auto& [name, c] : rows) {
        std::printf("%-28s %8llu %9llu %12llu %12llu %6.2f %9.2f %9.2f %6.2f %6.2f\n",
                    short_name(name).c_str(), static_cast<unsigned long long>(c.launches),
                    static_cast<unsigned long long>(c.blocks),
                    static_cast<unsigned long long>(c.instructions),
                    static_cast<unsigned long long>(c.slots),
                    share(c.lanes, c.instructions * gpu_emulator::kLanes),
                    static_cast<double>(c.bytes) / 1e6, static_cast<double>(c.sectors) * 32 / 1e6,
                    share(c.sectors * 32, c.bytes), share(c.shared_turns, c.shared_accesses));
    }
}

}  // namespace

int main(int argc, char** argv) {
    uint32_t shape[] = {2, 128, 4, 128, 2, 512};
    if (argc != 1 && argc != 7) {
        std::fprintf(stderr, "usage: gpu_profile [LAYERS WIDTH HEADS CONTEXT BATCH VOCABULARY]\n");
        return 2;
    }
    for (int i = 1; i < argc; ++i) shape[i - 1] = static_cast<uint32_t>(std::atoi(argv[i]));
    gpu_emulator::set_up({1, size_t{16} << 30, {false, true}});
    JobConfig job;
    job.model = GptConfig{shape[5], shape[3], shape[1], shape[0], shape[2]};
    job.optimizer.lr_nano = 1'000'000;
    job.plan = {1, 1, 2, shape[4], 0, 0};
    Bytes tokens(size_t{4} * shape[3] * shape[4] + 1);  // one a byte
    for (size_t i = 0; i < tokens.size(); ++i)
        tokens[i] = static_cast<uint8_t>(i * i % std::min(shape[5], 251U));
    const Dataset data = Dataset::from_tokens(std::move(tokens));
    const auto run = [&](const std::string& name, bool counted) -> Result<Hash256> {
        ASSAY_ASSIGN(const auto backend, make_backend({name, 0}));
        ASSAY_ASSIGN(ModelState state, initial_state(job.model, 1));
        ASSAY_ASSIGN(const auto trainer, Trainer::create(job, data, 0, *backend, std::move(state)));
        gpu_emulator::current_device().forget_counters();
        ASSAY_RETURN_IF_ERROR(trainer->step(0));
        ASSAY_ASSIGN(const Manifest manifest, trainer->manifest({0, 1}));
        if (counted) print(gpu_emulator::current_device().counters());
        return manifest.root();
    };
    const auto names = available_backends();
    const auto found = run(names[0], true), expected = run(names[1], false);
    for (const auto* each : {&found, &expected}) {
        if (each->ok()) continue;
        std::fprintf(stderr, "%s\n", each->error().message.c_str());
        return 1;
    }
    const bool same = *found == *expected;
    std::printf("root of the state after it: %s that of %s\n", same ? "equals" : "DIFFERS from",
                names[1].c_str());
    return same ? 0 : 1;
}
