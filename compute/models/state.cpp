#include "compute/models/state.h"

#include <algorithm>
#include <new>

#include "compute/arithmetic/philox.h"
#include "compute/models/model.h"

namespace assay::compute {

Result<ModelState> empty_state(const ModelConfig& model) {
    ASSAY_RETURN_IF_ERROR(validate(model));
    try {
        ModelState state;
        for (const ParameterSpec& spec : parameter_specs(model)) {
            const auto size = static_cast<size_t>(spec.size());
            for (auto* part : {&state.value, &state.m, &state.v}) part->emplace_back(size, 0.0F);
        }
        return state;
    } catch (const std::bad_alloc&) {
        return fail(Code::kOutOfMemory, "parameters and moments need " +
                                            std::to_string(checkpoint_bytes(model)) +
                                            " bytes of memory");
    }
}

Result<ModelState> initial_state(const ModelConfig& model, uint64_t seed) {
    ASSAY_ASSIGN(ModelState state, empty_state(model));
    const std::vector<ParameterSpec> specs = parameter_specs(model);
    for (size_t i = 0; i < specs.size(); ++i) {
        std::vector<float>& value = state.value[i];
        if (specs[i].random) {
            normalish(value, specs[i].value, seed, static_cast<uint32_t>(i));
        } else {
            std::fill(value.begin(), value.end(), static_cast<float>(specs[i].value));
        }
    }
    return state;
}

void bind_state(Executor& executor, const Program& program, ModelState& state) {
    for (size_t i = 0; i < program.parameters.size(); ++i) {
        const ProgramParameter& p = program.parameters[i];
        executor.bind(p.value, state.value[i].data());
        if (p.m == kNoTensor) continue;
        executor.bind(p.m, state.m[i].data());
        executor.bind(p.v, state.v[i].data());
    }
    // What is missing stays unbound, and the executor says so.
    const size_t given = std::min(program.frozen.size(), state.frozen.size());
    for (size_t i = 0; i < given; ++i) executor.bind(program.frozen[i], state.frozen[i].data());
}

void bind_state(SplitExecutor& executor, ModelState& state) {
    for (size_t d = 0; d < executor.devices(); ++d)
        bind_state(executor.device(d), executor.program(), state);
}

}  // namespace assay::compute
