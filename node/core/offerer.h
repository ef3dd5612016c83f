// Tells providers and peers which artifacts this node has for its own jobs: once when a job is
// posted, and again while it runs, for those who joined, restarted or forgot.
//
// Ownership: owns its thread; the hooks' own references must outlive stop(). Threads: offer() from
// any, the hooks are called from several at once. Errors: in the outcome of offer(); the repeated
// offers keep theirs to themselves.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "contracts.pb.h"
#include "ledger/application.h"
#include "node/blobs/blob_store.h"
#include "node/rpc/services.h"

namespace assay::node {

// With kOfferTimeoutMs of the last call some 20 s in all.
inline constexpr auto kOfferBudget = std::chrono::seconds(12);
inline constexpr auto kOfferRepeat = std::chrono::minutes(2);

// Every provider of the ledger, then `peers`; each once, without `own`.
[[nodiscard]] std::vector<std::string> offer_targets(const ledger::ReadView& view,
                                                     const std::vector<std::string>& peers,
                                                     const std::string& own);
// Data and initial checkpoints of running jobs that are `mine`, as far as the store has them.
[[nodiscard]] std::vector<pb::ArtifactRef> running_inputs(
    const ledger::ReadView& view, const std::function<bool(const ledger::Address&)>& mine,
    const BlobStore& blobs);

struct OfferHooks {
    std::function<std::vector<std::string>()> targets;
    std::function<std::vector<pb::ArtifactRef>()> artifacts;  // to offer again
    std::function<Status(const std::string& endpoint, const pb::ArtifactRef&)> ask;
};

class Offerer {
public:
    explicit Offerer(OfferHooks hooks, std::chrono::milliseconds budget = kOfferBudget,
                     std::chrono::milliseconds repeat = kOfferRepeat)
        : hooks_(std::move(hooks)), budget_(budget), repeat_(repeat) {}
    ~Offerer() { stop(); }
    Offerer(const Offerer&) = delete;
    Offerer& operator=(const Offerer&) = delete;

    void start();
    void stop();  // waits for calls under way; idempotent
    // Some targets at a time, each for all artifacts, none any more once the budget is spent; the
    // next offer begins with those this one did not come to.
    OfferOutcome offer(const std::vector<pb::ArtifactRef>& refs);

private:
    void loop();
    Status ask(const std::string& target, const std::vector<pb::ArtifactRef>& refs) const;

    const OfferHooks hooks_;
    const std::chrono::milliseconds budget_, repeat_;
    std::atomic<size_t> turn_{0};  // the target that the next offer begins with
    std::thread thread_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::atomic<bool> stopped_{false};  // set under mutex_
};

}  // namespace assay::node
