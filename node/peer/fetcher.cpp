#include "node/peer/fetcher.h"

#include <algorithm>
#include <limits>

#include "node/peer/limits.h"

namespace assay::node {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kMaxConnections = 256;
constexpr size_t kMaxReasonBytes = 2048;

}  // namespace

Fetcher::Fetcher(BlobStore& blobs, TlsIdentity identity, std::string chain_id)
    : blobs_(blobs), identity_(std::move(identity)), chain_id_(std::move(chain_id)) {}

std::shared_ptr<PeerClient> Fetcher::client(const std::string& endpoint) {
    const std::lock_guard lock(mutex_);
    auto& slot = clients_[endpoint];
    if (!slot) slot = std::make_shared<PeerClient>(endpoint, identity_, chain_id_);
    auto found = slot;
    if (stopped_) found->cancel();
    // Transfers under way keep theirs alive.
    if (clients_.size() > kMaxConnections) {
        std::erase_if(clients_, [](const auto& entry) { return entry.second.use_count() == 1; });
    }
    return found;
}

void Fetcher::stop() {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    for (const auto& [endpoint, peer] : clients_) peer->cancel();
}

void Fetcher::blame(const std::string& endpoint, const Error& error) {
    const std::lock_guard lock(mutex_);
    const auto now = Clock::now();
    if (bad_peers_.size() >= kMaxConnections) {
        std::erase_if(bad_peers_, [&](const auto& entry) { return entry.second.until <= now; });
        if (bad_peers_.size() >= kMaxConnections) bad_peers_.clear();
    }
    const auto time = error.code == Code::kCorrupt ? kBadPeerMs : kSilentPeerMs;
    bad_peers_[endpoint] = {now + std::chrono::milliseconds(time), error};
}

Status Fetcher::blamed(const std::string& endpoint) {
    const std::lock_guard lock(mutex_);
    const auto bad = bad_peers_.find(endpoint);
    if (bad == bad_peers_.end()) return {};
    const auto& [until, reason] = bad->second;
    if (until > Clock::now()) return fail(reason.code, "not asked after " + reason.message);
    bad_peers_.erase(bad);
    return {};
}

Status Fetcher::fetch(const Hash256& root, uint64_t expected_size,
                      const std::vector<std::string>& peers, const FetchProgress& progress,
                      const std::atomic<bool>* stop) {
    Transfer transfer{root, expected_size, progress, stop};
    ASSAY_RETURN_IF_ERROR(begin(transfer));
    std::vector<std::string> sources;
    {
        const std::lock_guard lock(mutex_);
        sources = offers_.of(root);
    }
    for (const auto& peer : peers)
        if (std::find(sources.begin(), sources.end(), peer) == sources.end())
            sources.push_back(peer);
    auto status = fetch_once(transfer, sources);
    end(root);
    return status;
}

Status Fetcher::begin(Transfer& transfer) {
    constexpr auto kStopPoll = std::chrono::milliseconds(100);
    uint64_t told = 0;
    std::unique_lock lock(mutex_);
    for (;;) {
        if (transfer.stop && *transfer.stop) return fail(Code::kUnavailable, "not wanted any more");
        const auto other = in_progress_.find(transfer.root);
        if (other == in_progress_.end()) break;
        const auto [here, total] = other->second;
        if (here != told && transfer.progress) {
            told = here;
            lock.unlock();
            transfer.progress(here, total);
            lock.lock();
            continue;
        }
        fetched_.wait_for(lock, kStopPoll);
    }
    in_progress_.emplace(transfer.root, UnderWay{});
    return {};
}

void Fetcher::end(const Hash256& root) {
    const std::lock_guard lock(mutex_);
    in_progress_.erase(root);
    fetched_.notify_all();
}

void Fetcher::tell(Transfer& transfer, uint64_t here, uint64_t total) {
    {
        const std::lock_guard lock(mutex_);
        in_progress_[transfer.root] = {here, total};
        fetched_.notify_all();
    }
    if (transfer.progress) transfer.progress(here, total);
}

Status Fetcher::offer(const std::string& endpoint, const Hash256& root, uint64_t size,
                      uint16_t port) {
    return client(endpoint)->offer(root, size, port);
}

Status Fetcher::take_offer(const Hash256& root, uint64_t size, const std::string& endpoint) {
    if (blobs_.has(root)) return {};
    ASSAY_ASSIGN(const auto manifest, client(endpoint)->manifest(root, kOfferProbeMs));
    if (size != 0 && manifest.size != size)
        return fail(Code::kCorrupt, "the artifact offered at " + endpoint + " has " +
                                        std::to_string(manifest.size) + " bytes, not " +
                                        std::to_string(size));
    const std::lock_guard lock(mutex_);
    offers_.add(root, endpoint);
    // It answers again.
    const auto bad = bad_peers_.find(endpoint);
    if (bad != bad_peers_.end() && bad->second.reason.code == Code::kTimeout) bad_peers_.erase(bad);
    return {};
}

size_t Fetcher::missing(const Hash256& root) const {
    const auto chunks = blobs_.missing_chunks(root);
    return chunks.ok() ? chunks->size() : std::numeric_limits<size_t>::max();
}

Status Fetcher::fetch_once(Transfer& transfer, const std::vector<std::string>& peers) {
    const auto& root = transfer.root;
    if (blobs_.has(root)) return {};
    if (peers.empty()) {
        return fail(Code::kNotFound, "no peer is known that may have artifact " + to_hex(root));
    }
    // Another round as long as one brings something: a slow peer's deadline is not the end.
    for (size_t before = 0; before != missing(root);) {
        before = missing(root);
        transfer.reasons.clear();
        transfer.code = Code::kNotFound;
        for (const auto& endpoint : peers) {
            auto fetched = blamed(endpoint);
            if (fetched.ok()) {
                fetched = fetch_from(*client(endpoint), transfer);
                if (fetched.ok() || transfer.hopeless) return fetched;
                if (fetched.error().code == Code::kCorrupt) blame(endpoint, fetched.error());
            }
            // "Not here" says less than why a peer that has it failed.
            if (fetched.error().code != Code::kNotFound) transfer.code = fetched.error().code;
            if (transfer.reasons.size() < kMaxReasonBytes) {
                transfer.reasons +=
                    (transfer.reasons.empty() ? "" : "; ") + fetched.error().message;
            }
            if (transfer.stop && *transfer.stop) return fetched;
        }
    }
    return fail(transfer.code,
                "artifact " + to_hex(root) + " cannot be fetched: " + transfer.reasons);
}

Status Fetcher::check_size(uint64_t size, Transfer& transfer) {
    if (transfer.expected_size == 0 || size == transfer.expected_size) return {};
    transfer.hopeless = true;  // the root binds the size: any peer would send the same
    return fail(Code::kCorrupt, "artifact " + to_hex(transfer.root) + " has " +
                                    std::to_string(size) + " bytes, the ledger says " +
                                    std::to_string(transfer.expected_size));
}

Status Fetcher::fetch_from(PeerClient& peer, Transfer& transfer) {
    // Asked also when the manifest is here: a chunk transfer has a long deadline, and a peer that
    // is silent or without the artifact is found out at once.
    if (!transfer.answered.contains(peer.endpoint()) || !blobs_.manifest(transfer.root).ok())
        ASSAY_RETURN_IF_ERROR(fetch_manifest(peer, transfer));
    return fetch_chunks(peer, transfer);
}

Status Fetcher::fetch_manifest(PeerClient& peer, Transfer& transfer) {
    const auto probe_ms =
        std::min(kPeerCallTimeoutMs, kManifestProbeMs + (transfer.expected_size >> 22));
    const auto manifest = peer.manifest(transfer.root, probe_ms);
    if (!manifest.ok()) {
        if (manifest.error().code == Code::kTimeout) blame(peer.endpoint(), manifest.error());
        return manifest.error();
    }
    ASSAY_RETURN_IF_ERROR(check_size(manifest->size, transfer));
    transfer.answered.insert(peer.endpoint());
    if (blobs_.manifest(transfer.root).ok()) return {};
    auto stored = blobs_.put_manifest(transfer.root, *manifest);
    transfer.hopeless = !stored.ok();
    return stored;
}

Status Fetcher::fetch_chunks(PeerClient& peer, Transfer& transfer) {
    ASSAY_ASSIGN(const auto manifest, blobs_.manifest(transfer.root));
    ASSAY_ASSIGN(const auto missing, blobs_.missing_chunks(transfer.root));
    uint64_t here = manifest.chunks.size() - missing.size();
    const auto take = [&](uint32_t index, ByteView data) -> Status {
        auto stored = blobs_.put_chunk(transfer.root, index, data);
        // Wrong bytes are the peer's fault; a full disk or an evicted manifest is not.
        transfer.hopeless = !stored.ok() && stored.error().code != Code::kCorrupt;
        if (!stored.ok()) return stored;
        tell(transfer, ++here, manifest.chunks.size());
        if (!transfer.stop || !*transfer.stop) return {};
        transfer.hopeless = true;
        return fail(Code::kUnavailable, "not wanted any more");
    };
    for (size_t begin = 0; begin < missing.size(); begin += kChunksPerFetch) {
        const auto end = std::min<size_t>(missing.size(), begin + kChunksPerFetch);
        const std::vector<uint32_t> wanted(missing.begin() + static_cast<std::ptrdiff_t>(begin),
                                           missing.begin() + static_cast<std::ptrdiff_t>(end));
        ASSAY_RETURN_IF_ERROR(peer.chunks(transfer.root, wanted, take));
    }
    if (!blobs_.has(transfer.root)) {
        return fail(Code::kUnavailable, "peer " + peer.endpoint() + " sent only part of artifact " +
                                            to_hex(transfer.root));
    }
    return {};
}

}  // namespace assay::node
