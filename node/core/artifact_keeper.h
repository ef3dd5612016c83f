// Keeps the artifacts of jobs on this node: fetches every accepted checkpoint and trace from the
// providers that made it and pins it, so that the model outlives them. Of every job with
// keepArtifacts (a gateway), else of the jobs that this node's own keys posted.
//
// Ownership: borrows engine, application, blobs. Threads: one of its own. Errors: a fetch that
// fails is tried again at a later block; missing() counts what is still wanted.
#pragma once

#include <atomic>
#include <functional>
#include <set>
#include <string>
#include <thread>

#include "contracts.pb.h"
#include "ledger/engine/engine.h"
#include "node/blobs/blob_store.h"
#include "node/core/block_waker.h"

namespace assay::node {

using WantsJob = std::function<bool(const pb::Job&)>;  // asked once a job
using FetchArtifact = std::function<Status(const pb::ArtifactRef&, const pb::Task&)>;

class ArtifactKeeper {
public:
    ArtifactKeeper(ledger::Engine& engine, ledger::Application& application, BlobStore& blobs,
                   FetchArtifact fetch, std::function<WantsJob()> wants,
                   std::function<void(const std::string&)> warn);
    ~ArtifactKeeper();

    void start();
    void stop();
    size_t missing() const { return missing_.load(); }

private:
    void loop();
    void sweep();
    bool keep_job(const ledger::ReadView& view, const pb::Job& job);
    bool keep(const pb::ArtifactRef& ref, const pb::Task& task);

    ledger::Engine& engine_;
    ledger::Application& application_;
    BlobStore& blobs_;
    const FetchArtifact fetch_;
    const std::function<WantsJob()> wants_;  // called in a sweep that meets a new job
    const std::function<void(const std::string&)> warn_;
    BlockWaker waker_;
    std::thread thread_;
    std::atomic<size_t> missing_{0};
    std::set<std::string> complete_;  // ids of ended jobs with nothing missing, and of unwanted
                                      // ones; own thread only
    std::set<std::string> wanted_;    // ids; own thread only
    std::set<std::string> kept_;      // roots already here; own thread only
};

}  // namespace assay::node
