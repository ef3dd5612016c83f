#include "compute/bench_memory.h"

#include <cstdio>

#include "compute/models/model.h"
#include "compute/program/memory_plan.h"
#include "compute/program/offload.h"
#include "compute/program/recompute.h"
#include "compute/program/scratch.h"

namespace assay::compute {
namespace {

uint64_t arena_bytes(const Program& program) {
    return static_cast<uint64_t>(plan_memory(program).arena_floats) * sizeof(float);
}

Result<MemoryNeed> need_of(std::string work, const ModelConfig& model, uint32_t batch) {
    ASSAY_ASSIGN(const Program plain, build_program(model, batch, 2, ProgramMode::kTrain));
    const Program again = recompute_layers(plain), waiting = offload_layers(again);
    MemoryNeed need;
    need.work = std::move(work);
    for (const ProgramParameter& each : plain.parameters)
        need.state_bytes += 3 * sizeof(float) * static_cast<uint64_t>(plain.at(each.value).size());
    need.plain_bytes = arena_bytes(plain);
    need.again_bytes = arena_bytes(again);
    need.waiting_bytes = arena_bytes(waiting);
    need.host_bytes = host_bytes(waiting);
    need.scratch_bytes = scratch_bytes(plain, false);
    return need;
}

struct Work {
    const char* name;
    ModelConfig model;
    uint32_t batch;
};

std::vector<Work> works() {
    return {{"MLP 784-1024-512-10, B = 1024", MlpConfig{784, {1024, 512}, 10}, 1024},
            {"CNN 32 x 32 x 3, 6 convolutions, B = 256",
             CnnConfig{32, 32, 3, {32, 32, 64, 64, 128, 128}, {1, 1, 2, 1, 2, 1}, 10}, 256},
            {"GPT 24 x 256, T = 512, B = 16", GptConfig{256, 512, 256, 24, 4}, 16},
            {"GPT-2 124M, T = 256, B = 4", GptConfig{50'257, 256, 768, 12, 12}, 4},
            {"GPT-2 124M, T = 1024, B = 8", GptConfig{50'257, 1024, 768, 12, 12}, 8},
            {"Llama 22 x 2048 (1.1B), T = 2048, B = 4",
             LlamaConfig{32'000, 2048, 2048, 22, 32, 4, 5632}, 4}};
}

}  // namespace

Result<std::vector<MemoryNeed>> memory_needs() {
    std::vector<MemoryNeed> needs;
    for (const Work& work : works()) {
        ASSAY_ASSIGN(needs.emplace_back(), need_of(work.name, work.model, work.batch));
    }
    return needs;
}

std::string memory_text(const std::vector<MemoryNeed>& needs) {
    char text[160];
    std::snprintf(text, sizeof text, "%-42s%8s%8s%8s%9s%8s%9s\n", "MB", "state", "plain", "again",
                  "waiting", "host", "scratch");
    std::string out = text;
    for (const MemoryNeed& each : needs) {
        const auto mb = [](uint64_t bytes) { return static_cast<double>(bytes) * 1e-6; };
        std::snprintf(text, sizeof text, "%-42s%8.0f%8.0f%8.0f%9.0f%8.0f%9.0f\n", each.work.c_str(),
                      mb(each.state_bytes), mb(each.plain_bytes), mb(each.again_bytes),
                      mb(each.waiting_bytes), mb(each.host_bytes), mb(each.scratch_bytes));
        out += text;
    }
    return out +
           "state: parameters and moments; plain: activations and gradients; again: layers "
           "computed "
           "again; waiting: on a GPU, activations in host memory besides; scratch: of a GPU\n";
}

}  // namespace assay::compute
