// The training process: one task, one folder, one child process, so that a crash or an
// out-of-memory kill in training never takes the node down.
//
// Folder layout: task.json (what to run), inputs beside it, then output.safetensors + trace.bin on
// success, fault.txt (the diverged local step) or error.txt. progress.txt holds the latest step.
// Threads: run_worker is the child's whole life; WorkerProcess is used by one thread. Errors:
// kUnavailable when the child cannot start or was killed, kFault when the arithmetic diverged, else
// what the child wrote.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace assay::node {

struct WorkerTask {
    Bytes spec;  // encoded JobSpec
    bool aggregate = false;
    uint32_t round = 0;
    uint32_t shard = 0;
    std::string checkpoint;  // file in the folder; empty: initial weights from the seed
    std::string data;        // file in the folder
    std::string base;        // file in the folder: the model under adapters
    std::vector<std::string> shard_outputs;  // files in the folder
    std::string backend;                     // empty: the best
    uint32_t threads = 1;
    uint32_t devices = 1;       // GPUs; 0: all
    bool crash_midway = false;  // test networks: abort after half of the steps
};

inline constexpr char kWorkerOutput[] = "output.safetensors";
inline constexpr char kWorkerTrace[] = "trace.bin";

Status write_worker_task(const std::filesystem::path& folder, const WorkerTask& task);
Result<WorkerTask> read_worker_task(const std::filesystem::path& folder);

// The body of `assay worker FOLDER`. Exit status: 0 done, 3 diverged, 1 any other error.
int run_worker(const std::filesystem::path& folder);

struct WorkerProgress {
    uint64_t local_step = 0, local_steps = 0;
    float loss = 0;
};
std::optional<WorkerProgress> read_worker_progress(const std::filesystem::path& folder);

struct WorkerOutcome {
    bool diverged = false;
    uint32_t fault_step = 0;
};
// Runs `executable worker FOLDER` and waits; `stop` kills it and returns kUnavailable.
Result<WorkerOutcome> run_worker_process(const std::filesystem::path& executable,
                                         const std::filesystem::path& folder,
                                         const std::atomic<bool>& stop);

}  // namespace assay::node
