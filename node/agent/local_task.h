// One slot's work on this machine: fetch the inputs, train in a child process, store the output,
// remember the result on disk so that a restart goes on where it stopped.
//
// Folder <work>/<task id>/: inputs, worker files, and result.json once the output is in the blob
// store; the commitment's salt is in it, so a node killed between commit and reveal can still
// reveal. Ownership: owns its thread; borrows TaskServices. Threads: start and the getters from the
// agent's thread. Errors: phase() == kFailed and error() says why; a damaged result.json means
// starting over.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <mutex>
#include <thread>

#include "contracts.pb.h"
#include "node/blobs/blob_store.h"
#include "node/core/config.h"

namespace assay::node {

// What a task shares with its fetch.
struct FetchWatch {
    std::function<void()> on_progress;  // a piece of the artifact came
    const std::atomic<bool>& stop;      // set: nobody waits for it any more
};

struct TaskServices {
    BlobStore& blobs;
    // Brings an artifact into the blob store from peers; returns at once when it is there.
    std::function<Status(const pb::ArtifactRef&, const pb::Task&, const FetchWatch&)> fetch;
    std::function<Result<Hash256>()> random_salt;  // its failure ends the task: a salt that can be
                                                   // guessed shows the result to others
    std::filesystem::path work;
    std::filesystem::path executable;  // this program, for `assay worker`
    ProviderConfig config;
};

struct LocalResult {
    pb::ArtifactRef output, trace;
    bool diverged = false;
    uint32_t fault_step = 0;
    Bytes salt;
};

class LocalTask {
public:
    enum class Phase : uint8_t { kFetching, kTraining, kDone, kFailed };

    LocalTask(const TaskServices& services, pb::Task task, pb::JobSpec spec);
    ~LocalTask();
    LocalTask(const LocalTask&) = delete;
    LocalTask& operator=(const LocalTask&) = delete;

    void start();         // resumes from result.json when it is there
    void request_stop();  // the task ends soon, in phase kDone or kFailed; does not wait
    void stop();          // kills the training process and waits: minutes when a fetch hangs
    void discard();       // stop, and delete the folder: the slot is over

    Phase phase() const { return phase_.load(); }
    bool ended() const { return phase() == Phase::kDone || phase() == Phase::kFailed; }
    // While fetching: the input asked for is here or comes in. Until a piece of it came it may be
    // that nobody answers.
    bool inputs_coming() const { return inputs_coming_.load(); }
    LocalResult result() const;  // valid when phase() == kDone
    std::string error() const;
    const pb::Task& task() const { return task_; }
    const std::filesystem::path& folder() const { return folder_; }

private:
    void run();
    Result<LocalResult> compute();
    Status prepare_inputs();
    Status fetch(const pb::ArtifactRef& ref);
    Result<pb::ArtifactRef> store(const char* file);
    Status save(const LocalResult& result) const;
    Result<LocalResult> load() const;

    const TaskServices& services_;
    const pb::Task task_;
    const pb::JobSpec spec_;
    const std::filesystem::path folder_;
    std::atomic<Phase> phase_{Phase::kFetching};
    std::atomic<bool> stop_{false};
    std::atomic<bool> inputs_coming_{false};
    std::thread thread_;
    mutable std::mutex mutex_;
    LocalResult result_;  // guarded by mutex_
    std::string error_;   // guarded by mutex_
};

}  // namespace assay::node
