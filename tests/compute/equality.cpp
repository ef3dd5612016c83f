#include "tests/compute/equality.h"

#include <sys/wait.h>
#include <unistd.h>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "compute/arithmetic/philox.h"
#include "compute/checkpoint/checkpoint.h"
#include "compute/hash/sha256.h"
#include "compute/train/trainer.h"
#include "tests/compute/train_test_support.h"

namespace assay::compute::testing {
namespace {

Hash256 root_of(const Manifest& state, const StepResult& step) {
    Sha256 hash;
    hash.update({reinterpret_cast<const uint8_t*>(&step.loss), sizeof step.loss});
    hash.update({reinterpret_cast<const uint8_t*>(&step.grad_norm), sizeof step.grad_norm});
    return hash.update(state.root().view()).finish();
}

Result<std::unique_ptr<Backend>> backend_of(const Machine& machine) {
    return make_backend({machine.backend, machine.threads});
}

// Steps [first, stop) from `state`; after(step, root, trainer) says whether to go on.
template <typename After>
Status train(const Training& training, Backend& backend, ModelState state, uint64_t first,
             uint64_t stop, After after) {
    ASSAY_ASSIGN(const auto trainer,
                 Trainer::create(training.job, training.data, 0, backend, std::move(state)));
    for (uint64_t step = first; step < stop; ++step) {
        ASSAY_ASSIGN(const StepResult result, trainer->step(step));
        ASSAY_ASSIGN(const Manifest manifest, trainer->manifest({0, step + 1}));
        ASSAY_RETURN_IF_ERROR(after(step, root_of(manifest, result), *trainer));
    }
    return {};
}

// The files of a run that may end at any moment: a checkpoint now and then, a root for each step.
class Diary {
public:
    Status keep(uint64_t step, const Hash256& root, const JobConfig& job, Trainer& trainer) {
        std::ofstream(folder_ / "roots", std::ios::app | std::ios::binary)
            .write(reinterpret_cast<const char*>(root.bytes.data()), sizeof root.bytes);
        if ((step + 1) % kCheckpointSteps != 0) return {};
        const auto fresh = folder_ / "fresh";
        ASSAY_ASSIGN(const ModelState* state, trainer.state());
        ASSAY_RETURN_IF_ERROR(save_checkpoint(fresh, job.model, *state, {0, step + 1}));
        std::error_code error;
        std::filesystem::rename(fresh, folder_ / "checkpoint", error);
        return error ? Status{fail(Code::kIo, "cannot rename a checkpoint")} : Status{};
    }
    [[nodiscard]] Result<Checkpoint> newest(const JobConfig& job) const {
        if (!std::filesystem::exists(folder_ / "checkpoint")) {
            ASSAY_ASSIGN(ModelState state, initial_state(job.model, job.seed));
            return Checkpoint{std::move(state), {}};
        }
        return load_checkpoint(folder_ / "checkpoint", job.model);
    }
    // Roots of steps that the newest checkpoint does not hold are written again by the next life.
    [[nodiscard]] Status forget_after(uint64_t steps) const {
        const auto path = folder_ / "roots";
        if (!std::filesystem::exists(path)) return {};
        std::error_code error;
        std::filesystem::resize_file(path, steps * sizeof(Hash256::bytes), error);
        return error ? Status{fail(Code::kIo, "cannot cut the roots")} : Status{};
    }
    [[nodiscard]] Roots roots() const {
        Roots all;
        std::ifstream in(folder_ / "roots", std::ios::binary);
        for (Hash256 root; in.read(reinterpret_cast<char*>(root.bytes.data()), sizeof root.bytes);)
            all.push_back(root);
        return all;
    }

private:
    static constexpr uint64_t kCheckpointSteps = 20;
    TemporaryFolder folder_;
};

Status live(const Training& training, const Machine& machine, Diary& diary) {
    ASSAY_ASSIGN(Checkpoint from, diary.newest(training.job));
    const uint64_t first = from.progress.step;
    ASSAY_RETURN_IF_ERROR(diary.forget_after(first));
    ASSAY_ASSIGN(const auto backend, backend_of(machine));
    return train(training, *backend, std::move(from.state), first, training.job.plan.total_steps(),
                 [&](uint64_t step, const Hash256& root, Trainer& trainer) {
                     return diary.keep(step, root, training.job, trainer);
                 });
}

}  // namespace

std::vector<Machine> machines() {
    std::vector<Machine> all;
    for (const std::string& name : available_backends())
        for (const int threads : {1, 2, 3, 7})
            if (name != "cuda" || threads == 1) all.push_back({name, threads});
    return all;
}

Training equality_training(uint32_t steps) {
    JobConfig job;
    job.model = GptConfig{256, 16, 32, 2, 2};
    job.optimizer.lr_nano = 3'000'000;
    job.optimizer.min_lr_nano = 300'000;
    job.optimizer.warmup_steps = steps / 10;
    job.plan = {1, 1, steps, 4, 0, 0};
    job.seed = 20'261'123;
    return {job, Dataset::from_tokens(file_bytes(ASSAY_SOURCE_DIR "/docs/arithmetic.md"))};
}

Result<Roots> run(const Training& training, const Machine& machine) {
    ASSAY_ASSIGN(const auto backend, backend_of(machine));
    return run(training, *backend);
}

Result<Roots> run(const Training& training, Backend& backend) {
    ASSAY_ASSIGN(ModelState state, initial_state(training.job.model, training.job.seed));
    Roots roots;
    ASSAY_RETURN_IF_ERROR(train(training, backend, std::move(state), 0,
                                training.job.plan.total_steps(),
                                [&](uint64_t, const Hash256& root, Trainer&) -> Status {
                                    roots.push_back(root);
                                    return {};
                                }));
    return roots;
}

Result<Roots> run_in_turns(const Training& training, const std::vector<Machine>& machines,
                           uint64_t turn_steps) {
    ASSAY_ASSIGN(ModelState state, initial_state(training.job.model, training.job.seed));
    const TemporaryFolder folder;
    const uint64_t total = training.job.plan.total_steps();
    Roots roots;
    for (uint64_t first = 0, turn = 0; first < total; first += turn_steps, ++turn) {
        const uint64_t stop = std::min(first + turn_steps, total);
        const auto after = [&](uint64_t step, const Hash256& root, Trainer& trainer) -> Status {
            roots.push_back(root);
            if (step + 1 < stop) return {};
            ASSAY_ASSIGN(const ModelState* now, trainer.state());
            return save_checkpoint(folder / "turn", training.job.model, *now, {0, stop});
        };
        ASSAY_ASSIGN(const auto backend, backend_of(machines[turn % machines.size()]));
        ASSAY_RETURN_IF_ERROR(train(training, *backend, std::move(state), first, stop, after));
        ASSAY_ASSIGN(Checkpoint reached, load_checkpoint(folder / "turn", training.job.model));
        state = std::move(reached.state);
    }
    return roots;
}

Result<Roots> run_with_kills(const Training& training, std::vector<Machine> machines,
                             uint32_t longest_life_ms, int& kills) {
    // CUDA does not work in the child of a process that has used it; see run_in_turns.
    std::erase_if(machines, [](const Machine& machine) { return machine.backend == "cuda"; });
    Diary diary;
    kills = 0;
    for (uint32_t life = 0;; ++life) {
        const Machine& machine = machines[life % machines.size()];
        std::fflush(nullptr);
        const pid_t child = ::fork();
        if (child < 0) return fail(Code::kInternal, "cannot fork");
        if (child == 0) ::_exit(live(training, machine, diary).ok() ? 0 : 1);
        // The later lives last longer, so that the run ends on any machine.
        const uint64_t ms =
            1 + below(longest_life_ms, training.job.seed, life, 0) + uint64_t{5} * life;
        ::usleep(static_cast<useconds_t>(ms * 1000));
        ::kill(child, SIGKILL);
        int status = 0;
        if (::waitpid(child, &status, 0) != child) return fail(Code::kInternal, "lost a child");
        if (WIFSIGNALED(status)) {
            ++kills;
        } else if (WEXITSTATUS(status) == 0) {
            return diary.roots();
        } else {
            return fail(Code::kInternal, "training failed on " + machine.text());
        }
    }
}

}  // namespace assay::compute::testing
