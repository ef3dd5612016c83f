#include "node/agent/worker.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <nlohmann/json.hpp>
#include <thread>

#include "compute/train/task.h"
#include "contracts.pb.h"
#include "contracts/job_spec.h"
#include "node/agent/capability.h"
#include "node/core/config.h"

extern char** environ;

namespace assay::node {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr uint64_t kMaxTaskFileBytes = 1 << 20;
constexpr int kExitDiverged = 3;

struct JobRun {
    compute::JobConfig config;
    WorkerTask task;
    std::unique_ptr<compute::Backend> backend;
};

Result<JobRun> prepare(const fs::path& folder) {
    JobRun run;
    ASSAY_ASSIGN(run.task, read_worker_task(folder));
    pb::JobSpec spec;
    if (!spec.ParseFromArray(run.task.spec.data(), static_cast<int>(run.task.spec.size()))) {
        return fail(Code::kCorrupt, (folder / "task.json").string() + ": spec does not decode");
    }
    ASSAY_ASSIGN(run.config, contracts::to_job_config(spec));
    ASSAY_ASSIGN(run.backend,
                 compute::make_backend({run.task.backend, static_cast<int>(run.task.threads),
                                        static_cast<int>(run.task.devices)}));
    return run;
}

// For what a step needs beside the parameters, moments and frozen weights: nine tenths of what is
// free, less those; on several devices, where it is least.
uint64_t memory_for(const JobRun& run) {
    uint64_t free_bytes =
        run.backend->in_host_memory() ? available_memory_mb() << 20 : run.backend->free_bytes();
    for (const auto& peer : run.backend->peers())
        free_bytes = std::min(free_bytes, peer->free_bytes());
    free_bytes = free_bytes / 10 * 9;
    if (free_bytes == 0) return 0;  // not known: no limit
    uint64_t state = compute::checkpoint_bytes(run.config.model);
    if (const auto base = compute::frozen_base(run.config.model))
        state += compute::checkpoint_bytes(*base) / 3;  // without moments
    return free_bytes > state ? free_bytes - state : 1;
}

// When memory runs out the kernel takes the training, which starts again, and not the node, whose
// slots would all be lost. Without /proc the kernel's own choice stands.
void offer_to_out_of_memory_killer() {
    const int fd = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0) return;
    constexpr char kFirst[] = "1000";
    (void)!::write(fd, kFirst, sizeof kFirst - 1);
    ::close(fd);
}

void write_progress(const fs::path& folder, const compute::StepReport& report) {
    char text[96];
    std::snprintf(text, sizeof text, "%llu %llu %.6f\n",
                  static_cast<unsigned long long>(report.local_step) + 1,
                  static_cast<unsigned long long>(report.local_steps),
                  static_cast<double>(report.loss));
    // Progress is a courtesy: a failed write must not end the task.
    (void)write_text(folder / "progress.txt", text, 0644).ok();
}

}  // namespace

Status write_worker_task(const fs::path& folder, const WorkerTask& task) {
    const json document = {{"spec", to_hex(task.spec)},
                           {"aggregate", task.aggregate},
                           {"round", task.round},
                           {"shard", task.shard},
                           {"checkpoint", task.checkpoint},
                           {"data", task.data},
                           {"base", task.base},
                           {"shardOutputs", task.shard_outputs},
                           {"backend", task.backend},
                           {"threads", task.threads},
                           {"devices", task.devices},
                           {"crashMidway", task.crash_midway}};
    return write_text(folder / "task.json", document.dump(1), 0644);
}

Result<WorkerTask> read_worker_task(const fs::path& folder) {
    ASSAY_ASSIGN(const auto text, read_text(folder / "task.json", kMaxTaskFileBytes));
    try {
        const auto document = json::parse(text);
        WorkerTask task;
        const auto spec = from_hex(document.at("spec").get<std::string>());
        if (!spec) return fail(Code::kCorrupt, "task.json: spec is not hexadecimal");
        task.spec = *spec;
        task.aggregate = document.at("aggregate").get<bool>();
        task.round = document.at("round").get<uint32_t>();
        task.shard = document.at("shard").get<uint32_t>();
        task.checkpoint = document.at("checkpoint").get<std::string>();
        task.data = document.at("data").get<std::string>();
        task.base = document.at("base").get<std::string>();
        task.shard_outputs = document.at("shardOutputs").get<std::vector<std::string>>();
        task.backend = document.at("backend").get<std::string>();
        task.threads = document.at("threads").get<uint32_t>();
        task.devices = document.at("devices").get<uint32_t>();
        task.crash_midway = document.at("crashMidway").get<bool>();
        return task;
    } catch (const json::exception& e) {
        return fail(Code::kCorrupt, (folder / "task.json").string() + ": " + e.what());
    }
}

int run_worker(const fs::path& folder) {
    // A worker without its node would train for nobody.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    offer_to_out_of_memory_killer();
    auto run = prepare(folder);
    uint32_t steps_done = 0;
    auto status = [&]() -> Status {
        if (!run.ok()) return run.error();
        const auto& task = run->task;
        const auto in_folder = [&](const std::string& name) {
            return name.empty() ? fs::path() : folder / name;
        };
        compute::TaskInputs inputs{
            in_folder(task.checkpoint), in_folder(task.data), in_folder(task.base), {}};
        for (const auto& name : task.shard_outputs) inputs.shard_outputs.push_back(folder / name);
        const compute::TaskPaths outputs{folder / kWorkerOutput, folder / kWorkerTrace};
        auto last = std::chrono::steady_clock::time_point{};
        compute::TaskRun options;
        options.backend = run->backend.get();
        options.memory_bytes = memory_for(*run);
        options.on_step = [&](const compute::StepReport& report) {
            steps_done = static_cast<uint32_t>(report.local_step + 1);
            if (task.crash_midway && 2 * steps_done >= report.local_steps) std::abort();
            const auto now = std::chrono::steady_clock::now();
            if (now - last < std::chrono::milliseconds(250) && steps_done != report.local_steps)
                return;
            last = now;
            write_progress(folder, report);
        };
        return task.aggregate
                   ? compute::run_aggregate_task(run->config, task.round, inputs, outputs, options)
                   : compute::run_train_task(run->config, task.round, task.shard, inputs, outputs,
                                             options);
    }();
    if (status.ok()) return 0;
    const bool diverged = status.error().code == Code::kFault;
    const auto saved = diverged ? write_text(folder / "fault.txt", std::to_string(steps_done), 0644)
                                : write_text(folder / "error.txt", status.error().message, 0644);
    if (!saved.ok()) return 1;
    return diverged ? kExitDiverged : 1;
}

std::optional<WorkerProgress> read_worker_progress(const fs::path& folder) {
    const auto text = read_text(folder / "progress.txt", 256);
    if (!text.ok()) return std::nullopt;
    WorkerProgress progress;
    unsigned long long step = 0;
    unsigned long long steps = 0;
    if (std::sscanf(text->c_str(), "%llu %llu %f", &step, &steps, &progress.loss) != 3) {
        return std::nullopt;
    }
    progress.local_step = step;
    progress.local_steps = steps;
    return progress;
}

namespace {

Result<int> wait_for(pid_t pid, const std::atomic<bool>& stop) {
    for (;;) {
        int status = 0;
        const pid_t done = ::waitpid(pid, &status, WNOHANG);
        if (done == pid) return status;
        if (done < 0 && errno != EINTR) {
            return fail(Code::kInternal, std::string("waitpid: ") + std::strerror(errno));
        }
        if (stop.load()) {
            ::kill(pid, SIGKILL);
            ::waitpid(pid, &status, 0);
            return fail(Code::kUnavailable, "the task was stopped");
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
}

Result<WorkerOutcome> outcome_of(int status, const fs::path& folder) {
    if (WIFSIGNALED(status)) {
        return fail(Code::kUnavailable, "the training process in " + folder.string() +
                                            " was killed by signal " +
                                            std::to_string(WTERMSIG(status)) +
                                            " (9 is often the kernel's out-of-memory killer)");
    }
    const int code = WEXITSTATUS(status);
    if (code == 0) return WorkerOutcome{};
    if (code == kExitDiverged) {
        ASSAY_ASSIGN(const auto text, read_text(folder / "fault.txt", 64));
        return WorkerOutcome{true, static_cast<uint32_t>(std::strtoul(text.c_str(), nullptr, 10))};
    }
    const auto text = read_text(folder / "error.txt", 1 << 16);
    return fail(Code::kUnavailable, "the training process in " + folder.string() + " failed: " +
                                        (text.ok() ? *text : "exit " + std::to_string(code)));
}

}  // namespace

Result<WorkerOutcome> run_worker_process(const fs::path& executable, const fs::path& folder,
                                         const std::atomic<bool>& stop) {
    const std::string program = executable.string();
    const std::string directory = folder.string();
    const std::string log = (folder / "worker.log").string();
    char* const argv[] = {const_cast<char*>(program.c_str()), const_cast<char*>("worker"),
                          const_cast<char*>(directory.c_str()), nullptr};
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC,
                                       0644);
    ::posix_spawn_file_actions_adddup2(&actions, 1, 2);
    pid_t pid = 0;
    const int error = ::posix_spawn(&pid, program.c_str(), &actions, nullptr, argv, environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (error != 0) {
        return fail(Code::kUnavailable, "cannot start " + program + ": " + std::strerror(error));
    }
    ASSAY_ASSIGN(const int status, wait_for(pid, stop));
    return outcome_of(status, folder);
}

}  // namespace assay::node
