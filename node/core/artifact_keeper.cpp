#include "node/core/artifact_keeper.h"

#include <chrono>

#include "contracts/keys.h"
#include "contracts/queries.h"

namespace assay::node {
namespace {

constexpr auto kRetry = std::chrono::seconds(2);
constexpr size_t kPageSize = 100;

}  // namespace

ArtifactKeeper::ArtifactKeeper(ledger::Engine& engine, ledger::Application& application,
                               BlobStore& blobs, FetchArtifact fetch,
                               std::function<WantsJob()> wants,
                               std::function<void(const std::string&)> warn)
    : engine_(engine),
      application_(application),
      blobs_(blobs),
      fetch_(std::move(fetch)),
      wants_(std::move(wants)),
      warn_(std::move(warn)),
      waker_(engine) {}

ArtifactKeeper::~ArtifactKeeper() {
    stop();
}

void ArtifactKeeper::start() {
    waker_.listen();
    thread_ = std::thread([this] { loop(); });
}

void ArtifactKeeper::stop() {
    waker_.stop();
    if (thread_.joinable()) thread_.join();
}

void ArtifactKeeper::loop() {
    while (waker_.wait(kRetry)) sweep();
}

void ArtifactKeeper::sweep() {
    const auto view = application_.committed_state();
    if (!view) return;
    missing_ = 0;
    // Ids first: ended and unwanted jobs, after a while nearly all, are not decoded again.
    const Bytes prefix = contracts::keys::tagged(contracts::keys::Tag::kJob);
    std::vector<Bytes> open;
    view->scan(prefix, [&](ByteView key, ByteView) {
        const ByteView id = key.subspan(prefix.size());
        if (!complete_.contains(std::string(text_of(id)))) open.push_back(bytes_of(id));
        return true;
    });
    WantsJob wants;  // made when there is a new job to ask about
    for (const Bytes& id : open) {
        const auto job = contracts::get_job(*view, id);
        if (!job) continue;
        if (!wanted_.contains(job->id())) {
            if (!wants) wants = wants_();
            if (!wants(*job)) {
                complete_.insert(job->id());
                continue;
            }
            wanted_.insert(job->id());
        }
        const bool whole = keep_job(*view, *job);
        if (whole && job->state() != pb::JOB_RUNNING) complete_.insert(job->id());
    }
}

bool ArtifactKeeper::keep_job(const ledger::ReadView& view, const pb::Job& job) {
    bool whole = true;
    Bytes cursor;
    for (;;) {
        const auto page = contracts::list_tasks(view, view_of(job.id()), kPageSize, cursor);
        for (const auto& task : page.items) {
            if (task.output().root().empty()) continue;
            // Traces first: they are small and feed the loss curve.
            whole = keep(task.trace(), task) && whole;
            whole = keep(task.output(), task) && whole;
        }
        if (page.next.empty()) return whole;
        cursor = page.next;
    }
}

bool ArtifactKeeper::keep(const pb::ArtifactRef& ref, const pb::Task& task) {
    const auto root = hash_from(view_of(ref.root()));
    if (!root || kept_.contains(ref.root())) return true;
    if (!blobs_.has(*root)) {
        const auto fetched = fetch_(ref, task);
        if (!fetched.ok()) {
            missing_ += 1;
            warn_("artifact " + to_hex(*root).substr(0, 12) + ": " + fetched.error().message);
            return false;
        }
    }
    blobs_.pin(*root);
    kept_.insert(ref.root());
    return true;
}

}  // namespace assay::node
