#include "node/core/offerer.h"

#include <algorithm>
#include <set>

#include "contracts/queries.h"

namespace assay::node {
namespace {

constexpr size_t kAtOnce = 32;
constexpr size_t kPageSize = 100;

}  // namespace

std::vector<std::string> offer_targets(const ledger::ReadView& view,
                                       const std::vector<std::string>& peers,
                                       const std::string& own) {
    std::vector<std::string> targets;
    std::set<std::string> seen{"", own};
    Bytes cursor;
    do {
        const auto page = contracts::list_providers(view, kPageSize, cursor);
        for (const auto& provider : page.items) {
            if (seen.insert(provider.endpoint()).second) targets.push_back(provider.endpoint());
        }
        cursor = page.next;
    } while (!cursor.empty());
    for (const auto& peer : peers) {
        if (seen.insert(peer).second) targets.push_back(peer);
    }
    return targets;
}

std::vector<pb::ArtifactRef> running_inputs(const ledger::ReadView& view,
                                            const std::function<bool(const ledger::Address&)>& mine,
                                            const BlobStore& blobs) {
    std::vector<pb::ArtifactRef> inputs;
    std::set<std::string> seen;
    const contracts::JobFilter running{{}, pb::JOB_RUNNING};
    Bytes cursor;
    do {
        const auto page = contracts::list_jobs(view, running, kPageSize, cursor);
        for (const auto& job : page.items) {
            const auto requester = ledger::Address::from(job.requester());
            if (!requester || !mine(*requester)) continue;
            for (const auto* ref : {&job.spec().data(), &job.spec().initial()}) {
                const auto root = hash_from(view_of(ref->root()));
                if (!root || !blobs.has(*root)) continue;
                if (seen.insert(ref->root()).second) inputs.push_back(*ref);
            }
        }
        cursor = page.next;
    } while (!cursor.empty());
    return inputs;
}

void Offerer::start() {
    thread_ = std::thread([this] { loop(); });
}

void Offerer::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopped_ = true;
        wake_.notify_all();
    }
    if (thread_.joinable()) thread_.join();
}

void Offerer::loop() {
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, repeat_, [this] { return stopped_.load(); })) {
        lock.unlock();
        const auto refs = hooks_.artifacts();
        if (!refs.empty()) offer(refs);
        lock.lock();
    }
}

Status Offerer::ask(const std::string& target, const std::vector<pb::ArtifactRef>& refs) const {
    for (const auto& ref : refs) ASSAY_RETURN_IF_ERROR(hooks_.ask(target, ref));
    return {};
}

OfferOutcome Offerer::offer(const std::vector<pb::ArtifactRef>& refs) {
    const auto targets = hooks_.targets();
    const auto deadline = std::chrono::steady_clock::now() + budget_;
    const size_t first = targets.empty() ? 0 : turn_ % targets.size();
    OfferOutcome outcome;
    std::atomic<size_t> next{0};
    std::mutex mutex;
    const auto work = [&] {
        while (!stopped_ && std::chrono::steady_clock::now() < deadline) {
            const size_t i = next++;
            if (i >= targets.size()) return;
            const auto answer = ask(targets[(first + i) % targets.size()], refs);
            const std::lock_guard lock(mutex);
            outcome.asked += 1;
            if (answer.ok()) {
                outcome.reachable += 1;
            } else if (outcome.reason.empty()) {
                outcome.reason = answer.error().message;
            }
        }
    };
    std::vector<std::thread> threads;
    for (size_t i = 0; i < std::min(kAtOnce, targets.size()); ++i) threads.emplace_back(work);
    for (auto& thread : threads) thread.join();
    turn_ = first + outcome.asked;
    return outcome;
}

}  // namespace assay::node
